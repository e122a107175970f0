"""A new version from the centre to a kiosk, for real: broker, doors, two slots, versions that are no good."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fakes.pretend_systemd import PretendSystemd
from fakes.registry_rows import a_draft
from fakes.releases import TARGET, make_release
from fakes.update_bench import UpdateBench
from kiosk_site import KioskSite, wait_for

from kiosk.demo import settings
from kiosk.monitor.commands import monitor
from kiosk.monitor.store import registry, rollouts
from kiosk.monitor.store.engine import make_engine

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]
LONG_S = 120.0


class Site:
    """A kiosk with version 1.0 in slot a, below a root of its own, and its centre."""

    def __init__(self, folder: Path) -> None:
        self.bench = UpdateBench(folder / "root")
        owner = self.bench.root / "etc/pana-kiosk/owner.pub"
        section = f'\n[updates]\nowner_key = "{owner}"\n'
        self.site = KioskSite(beat_s=5, doors=True, centre_more=section)
        self._without_modem()
        first = make_release(folder / "first", "1.0", self.bench.pip)
        done = self.bench.slots.run("a", str(first), TARGET, script="install-slot")
        assert done.returncode == 0, done.stderr
        self.bench.slots.do("switch", "a")
        self.systemd = PretendSystemd(
            self.bench.root, self.site.folder / "site.toml", self.site.folder / "kiosk", self.bench.bin,
            self.site.folder / "log", PANA_JUDGE_S="100", **self.site.environ,
        )  # fmt: skip

    def _without_modem(self) -> None:
        file = self.site.folder / "site.toml"
        before, _, rest = file.read_text().partition("[sms]")
        file.write_text(f"{before}[duty]\ntiers = []\n\n[heartbeat]{rest.partition('[heartbeat]')[2]}")

    def begin(self) -> None:
        self.site.start_centre()
        engine = make_engine(f"sqlite:///{self.site.folder}/centre/centre.sqlite")
        with engine.execution_options(writes=True).begin() as db:
            registry.create(db, a_draft(kiosk_id=settings.KIOSK_ID), who="aida", now_ms=1)
        engine.dispose()
        self.systemd.open()
        self.wait_for_version("1.0")

    def wait_for_version(self, version: str) -> None:
        """Wait until the kiosk runs a version and has its link."""

        def stands() -> bool:
            state = self.site.state()
            return state.get("mqtt") == "up" and state["heartbeat"]["version"] == version

        wait_for(stands, within_s=LONG_S)

    def centre(self, *words: str) -> str:
        group, *rest = words
        command = [group, "--config", str(self.site.folder / "centre.toml"), *rest]
        done = CliRunner().invoke(monitor, ["--socket", "/none.sock", *command])
        assert done.exit_code == 0, done.output
        return done.output

    def roll_out(self, version: str, fault: str = "") -> None:
        self.centre("release", "add", str(self.bench.release(version, fault=fault)))
        self.centre("rollout", "start", version, "--steps", "100", "--stop-after", "1", "--soak-min", "0")

    def rollout(self) -> rollouts.Entry:
        engine = make_engine(f"sqlite:///{self.site.folder}/centre/centre.sqlite")
        with engine.connect() as db:
            found = rollouts.listed(db, 1)[0]
        engine.dispose()
        return found

    def told(self) -> list[str]:
        """Name what the centre was told of updates."""
        kiosks: list[dict[str, Any]] = self.site.ask_centre(ask="kiosks")["kiosks"]
        events = [event for view in kiosks for event in view["events"]]
        return [event["code"] for event in events if event["code"].startswith("update_")]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    with made.site:
        try:
            yield made
        finally:
            made.systemd.close()


def test_a_version_reaches_the_kiosk_and_one_that_is_no_good_leaves_it(site: Site) -> None:
    site.begin()
    slots = site.bench.slots

    # One that crashes at its start: the guard goes back without anybody's help, and the roll-out ends.
    site.roll_out("1.1", fault="crash")
    wait_for(lambda: site.rollout().rollout.state == "failed", within_s=LONG_S)
    assert (slots.current, slots.trial, slots.refused) == ("a", None, ["1.1"])
    site.wait_for_version("1.0")
    wait_for(lambda: "update_rolled_back" in site.told(), within_s=LONG_S)

    # A good one, whose updater is killed in the middle of its trial: it is kept all the same.
    site.roll_out("1.2")
    wait_for(lambda: (slots.trial or {}).get("slot") == slots.current == "b", within_s=LONG_S)
    assert site.systemd.updater is not None
    site.systemd.updater.send_signal(signal.SIGKILL)
    wait_for(lambda: site.rollout().rollout.state == "done", within_s=LONG_S)
    wait_for(lambda: slots.trial is None, within_s=LONG_S)
    assert slots.current == "b"
    site.wait_for_version("1.2")
    wait_for(lambda: "update_done" in site.told(), within_s=LONG_S)

    # One that never connects, brought by hand: taken back when its time is up.
    release = str(site.bench.release("1.3", fault="deaf"))
    done = site.systemd.run("update", release, "--yes", "--lang", "en", PANA_JUDGE_S="12")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("Version 1.3 was taken back: ")
    assert (slots.current, slots.trial, slots.refused) == ("b", None, ["1.1", "1.3"])
    site.wait_for_version("1.2")
    wait_for(lambda: site.told().count("update_rolled_back") == 2, within_s=LONG_S)
    assert "Traceback" not in site.site.log()
