"""The whole check: files and board first, then every device, by the running daemon or by ourselves.

Owns the deadlines of the parts that need no device. Decides nothing about a part: its own file does.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import kiosk
from kiosk.check import alone, running
from kiosk.check.board import check_board
from kiosk.check.clips import check_clips
from kiosk.check.daemon import STATUS, question
from kiosk.check.deadline import within
from kiosk.check.row import Row, fault, ok, warning
from kiosk.config import Config
from kiosk.config_check import check as problems_of
from kiosk.control import DaemonAway, DaemonSilent
from kiosk.messages import ConfigError
from kiosk.net.papers import look
from kiosk.prompts import Catalogue
from kiosk.site import Site
from kiosk.site_files import load_config

CLIPS_S = 30.0  # reads and hashes every clip, from an SD card
BOARD_S = 5.0
STATUS_S = 5.0


@dataclass(kw_only=True)
class Check:
    """One check of one site; `rows` grow while it runs, `progress` is told each part before its test."""

    file: Path
    words: Catalogue
    allow_mock: bool = False
    whole: bool = False  # the centre's own answer by each path, not just by the first
    drill_id: str = ""
    progress: Callable[[str], None] = lambda _: None
    rows: list[Row] = field(default_factory=list)
    config_is_wrong: bool = False

    def run(self) -> list[Row]:
        """Test every part. Raises Refused when this user may not ask the running daemon."""
        self.progress("config")
        try:
            config, config_hash = load_config(self.file)
        except ConfigError as error:
            self.config_is_wrong = True
            self.rows += [fault("config", "config_error", what=line) for line in str(error).split("\n")]
            return self.rows
        site = self._site(config, config_hash)
        self.test("clips", CLIPS_S, lambda: check_clips(config, self.words))
        board = self.test("board", BOARD_S, lambda: check_board(config))
        socket = Path(config.paths.run) / "kiosk.sock"
        try:
            state = question(socket, STATUS, STATUS_S)
        except DaemonSilent as error:
            self.rows += running.judge_silence(config, str(error))
            return self.rows
        except DaemonAway:
            synced = any(row.code == "clock_ok" for row in board)
            alone.test_parts(site, self.test, allow_mock=self.allow_mock, synced=synced)
        else:
            self.rows += running.judge_daemon(state, config_hash)
            self.drill_id = running.test_parts(config, socket, self.test, whole=self.whole)
        return self.rows

    def test(self, part: str, seconds: float, how: Callable[[], list[Row]]) -> list[Row]:
        """Run one test within its time and keep its rows."""
        self.progress(part.partition(":")[0])
        rows = within(part, seconds, how)
        self.rows += rows
        return rows

    def _site(self, config: Config, config_hash: str) -> Site:
        for problem in problems_of(config, self.words):
            self.rows.append(warning("config", "config_warning", key=problem.key, what=problem.what))
        papers = look(config)
        if "sms_key_missing" in papers.missing:
            self.rows.append(fault("config", "fault_sms_key_missing"))
        for secret in _open_secrets(config):
            self.rows.append(warning("config", "secret_open", file=secret))
        if not self.rows:
            self.rows.append(ok("config", "config_ok", file=str(self.file), hash=config_hash))
        return Site(
            config=config,
            words=self.words,
            key=papers.sms_key,
            version=kiosk.__version__,
            config_hash=config_hash,
        )


def _open_secrets(config: Config) -> list[str]:
    """List the secrets that every user of this machine can read."""
    secrets = [config.mqtt.password_file, identity.key if (identity := config.identity()) else None]
    secrets += [config.sms.key_file, config.sms.pin_file] if config.sms else []
    found = []
    for secret in secrets:
        try:
            if secret is not None and Path(secret).stat().st_mode & 0o004:
                found.append(secret)
        except OSError:
            continue  # its own part tells that it is missing
    return found
