"""Errands against the real doors: each due once, each by itself, and none in the way of an alert."""

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from fakes.commissioning_rows import a_record
from fakes.doors_site import DoorsSite, patient
from fakes.virtual_kiosk import example_config

from kiosk.check import lookout
from kiosk.check.install.record import FILE, read_record, write_record
from kiosk.cli import main
from kiosk.commissioning import LOG_MAX_CHARS
from kiosk.config import Config, Https, Tls
from kiosk.control import ControlServer
from kiosk.errands import desk as desks
from kiosk.errands import enrolling, rounds, sending
from kiosk.errands.desk import Desk
from kiosk.errands.outcome import Outcome
from kiosk.messages import ConfigError, LinkDown
from kiosk.monitor.doors.rates import Rate
from kiosk.monitor.store import commissionings, registry
from kiosk.net.call import Answered, Caller, Question
from kiosk.net.tls import OwnCertificate

pytestmark = pytest.mark.real
KIOSK = "kz-1"


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorsSite]:
    with patient() as patch:
        patch.setattr(Rate, "take", lambda *_: True)  # one machine enrols often here
        site = DoorsSite(tmp_path_factory.mktemp("doors"), names=(KIOSK, "kz-2")).start()
        yield site
        site.close()


@pytest.fixture
def desk(tmp_path: Path, doors: DoorsSite) -> Desk:
    for name in ("etc", "state", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "etc" / "ca.pem").write_bytes(doors.ca_file.read_bytes())
    etc = tmp_path / "etc"
    config = example_config(
        kiosk__id=KIOSK, kiosk__number=1, paths__state=f"{tmp_path}/state", paths__run=f"{tmp_path}/run",
        mqtt__tls=Tls(ca=f"{etc}/ca.pem", cert=f"{etc}/kiosk.pem", key=f"{etc}/kiosk.key"),
        sms__key_file=f"{etc}/sms.key", https=Https(centres=(f"localhost:{doors.port}",)),
    )  # fmt: skip
    return Desk(config=config, folder=etc, log=tmp_path / "provision.log")


@pytest.fixture
def as_root(desk: Desk) -> int:
    """Lay the folders out as a kiosk has them: keys in a sticky folder of ours, state the kiosk's user's."""
    user = 65534 if os.geteuid() == 0 else os.geteuid()
    desk.folder.chmod(0o1770)
    os.chown(desk.state, user, -1)
    return user


def changed(desk: Desk, change: Callable[[Config], Config]) -> Desk:
    return Desk(config=change(desk.config), folder=desk.folder, log=desk.log)


def with_token(desk: Desk, token: str) -> Desk:
    desk.token.write_text(token + "\n")
    return desk


@pytest.fixture
def enrolled(desk: Desk, doors: DoorsSite) -> Desk:
    assert enrolling.run(with_token(desk, doors.token(KIOSK))).ended == "done"
    return desk


def ended(outcomes: list[Outcome]) -> dict[str, str]:
    return {one.errand: one.ended for one in outcomes}


def run_all(desk: Desk) -> dict[str, str]:
    return ended(rounds.run_all(desk, lambda: pytest.fail("it should not leave")))


# ---- enrolment


def test_the_token_becomes_an_identity_and_is_deleted(desk: Desk, doors: DoorsSite) -> None:
    outcome = enrolling.run(with_token(desk, doors.token(KIOSK)))
    assert outcome == Outcome(errand="enrol", ended="done", detail=KIOSK)
    files = desk.config.identity()
    assert files is not None
    assert OwnCertificate(files, time.time).read().name == KIOSK
    assert (desk.folder / "sms.key").exists()
    assert not desk.token.exists()
    assert enrolling.run(desk).ended == "nothing"


def test_the_door_that_the_set_up_left_goes_first(desk: Desk, doors: DoorsSite) -> None:
    (desk.folder / "door").write_text(f"localhost:{doors.port}\n")
    lost = changed(desk, lambda c: msgspec.structs.replace(c, https=Https(centres=("localhost:1",))))
    assert lost.doors() == (f"localhost:{doors.port}", "localhost:1")
    assert enrolling.run(with_token(lost, doors.token(KIOSK))).ended == "done"


def test_what_root_enrols_belongs_to_the_kiosks_user(desk: Desk, doors: DoorsSite, as_root: int) -> None:
    assert enrolling.run(with_token(desk, doors.token(KIOSK))).ended == "done"
    made = {path.name: path.stat() for path in desk.folder.glob("*.*")}
    owners = {name: (each.st_uid, stat.S_IMODE(each.st_mode)) for name, each in made.items()}
    assert owners.pop("ca.pem")[0] == os.geteuid()
    assert owners == {
        "kiosk.key": (as_root, 0o600),
        "kiosk.pem": (as_root, 0o644),
        "sms.key": (as_root, 0o600),
    }


def test_a_key_that_root_made_without_internet_can_be_used_by_the_kiosks_user(
    desk: Desk, as_root: int
) -> None:
    offline = changed(desk, lambda c: msgspec.structs.replace(c, https=Https(centres=("localhost:1",))))
    with pytest.raises(LinkDown):
        enrolling.run(with_token(offline, "x" * 52))
    assert (desk.folder / "kiosk.key.pending").stat().st_uid == as_root


def test_one_door_after_the_other_is_asked(desk: Desk, doors: DoorsSite) -> None:
    (desk.folder / "door").write_text("localhost:1\n")
    assert enrolling.run(with_token(desk, doors.token(KIOSK))).ended == "done"


def test_a_token_that_outlived_its_certificate_is_deleted(enrolled: Desk) -> None:
    with_token(enrolled, "x" * 52)
    assert enrolling.run(enrolled).detail == "the token is deleted"
    assert not enrolled.token.exists()


def test_an_identity_that_was_decided_before_a_power_cut_is_carried_out(desk: Desk, doors: DoorsSite) -> None:
    enrolling.run(with_token(desk, doors.token(KIOSK)))
    files = desk.config.identity()
    assert files is not None
    Path(files.key).rename(f"{files.key}.pending")
    Path(files.cert).rename(f"{files.cert}.new")
    assert enrolling.run(desk).ended == "nothing"
    assert OwnCertificate(files, time.time).read().name == KIOSK


def test_another_number_at_the_centre_is_said_and_the_certificate_kept(desk: Desk, doors: DoorsSite) -> None:
    number = msgspec.structs.replace(desk.config.kiosk, number=99)
    other = changed(desk, lambda config: msgspec.structs.replace(config, kiosk=number))
    outcome = enrolling.run(with_token(other, doors.token(KIOSK)))
    assert (outcome.ended, "kiosk.number 1" in outcome.detail) == ("failed", True)
    assert enrolling.run(other).ended == "nothing"


def test_a_refused_token_rests_for_an_hour_and_a_new_one_does_not(desk: Desk, doors: DoorsSite) -> None:
    with_token(desk, "ABCD" * 13)
    first = ended(rounds.run_all(desk, lambda: None))
    assert first["enrol"] == "failed"
    assert enrolling.run(desk).ended == "later"
    mark = desk.mark(enrolling.REFUSED_MARK).split()[0]
    desk.set_mark(enrolling.REFUSED_MARK, f"{mark} {int(time.time()) - 3601}")
    with pytest.raises(LinkDown, match="403"):
        enrolling.run(desk)
    assert enrolling.run(with_token(desk, doors.token(KIOSK))).ended == "done"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_without_a_token_nobody_is_asked(desk: Desk, content: bytes | None) -> None:
    if content is not None:
        desk.token.write_bytes(content)
    (first, *_) = rounds.run_all(desk, lambda: None)
    assert (first.ended, str(desk.token) in first.detail) == ("failed", True)


def test_without_the_ca_no_token_is_shown_to_anybody(desk: Desk, doors: DoorsSite) -> None:
    (desk.folder / "ca.pem").write_text("")
    (first, *_) = rounds.run_all(with_token(desk, doors.token(KIOSK)), lambda: None)
    assert (first.ended, "it is empty" in first.detail) == ("failed", True)
    assert desk.token.exists()


def test_without_a_door_it_says_what_is_missing(desk: Desk) -> None:
    nowhere = changed(desk, lambda config: msgspec.structs.replace(config, https=None))
    (first, *_) = rounds.run_all(with_token(nowhere, "x" * 52), lambda: None)
    assert "no door to ask" in first.detail


def test_a_door_that_is_none_is_named(desk: Desk) -> None:
    (desk.folder / "door").write_text("https://centre.example.kz/\n")
    with pytest.raises(ConfigError, match="HOST:PORT"):
        desk.doors()


def test_a_site_without_tls_has_nothing_to_enrol_or_send(desk: Desk) -> None:
    mqtt = msgspec.structs.replace(desk.config.mqtt, tls=None)
    plain = changed(desk, lambda config: msgspec.structs.replace(config, mqtt=mqtt))
    write_record(plain.state, a_record(kiosk_id=KIOSK))
    assert run_all(plain) == {"enrol": "nothing", "commissioning": "later", "provision-log": "nothing"}


# ---- sending


def test_record_and_log_are_sent_once_and_again_when_they_are_new(enrolled: Desk, doors: DoorsSite) -> None:
    first = a_record(f"R{os.urandom(4).hex()}", kiosk_id=KIOSK)
    write_record(enrolled.state, first)
    enrolled.log.write_text("01-identity: changed\n\x1b[1m02-files: ok\nsms.key " + "ab" * 32 + "\n")
    assert run_all(enrolled) == {"enrol": "nothing", "commissioning": "done", "provision-log": "done"}
    assert run_all(enrolled) == {"enrol": "nothing", "commissioning": "nothing", "provision-log": "nothing"}
    second = a_record(f"S{os.urandom(4).hex()}", kiosk_id=KIOSK)
    write_record(enrolled.state, second)
    enrolled.log.write_text(enrolled.log.read_text() + "03-network: changed\n")
    assert run_all(enrolled) == {"enrol": "nothing", "commissioning": "done", "provision-log": "done"}
    with doors.engine.connect() as db:
        kept = [one.record for one in commissionings.of_kiosk(db, KIOSK)]
        log = commissionings.last_log(db, KIOSK)
    assert first in kept
    assert second in kept
    assert log is not None
    assert log.text.splitlines()[1:3] == ["[1m02-files: ok", "sms.key …"]


def test_before_the_certificate_they_wait(desk: Desk) -> None:
    write_record(desk.state, a_record(kiosk_id=KIOSK))
    desk.log.write_text("x\n")
    assert run_all(desk) == {"enrol": "failed", "commissioning": "later", "provision-log": "later"}


def test_a_site_whose_centre_has_no_door_owes_nothing(enrolled: Desk) -> None:
    write_record(enrolled.state, a_record(kiosk_id=KIOSK))
    alone = changed(enrolled, lambda config: msgspec.structs.replace(config, https=None))
    assert run_all(alone)["commissioning"] == "nothing"


def test_a_record_that_nobody_can_read_is_passed_over(enrolled: Desk) -> None:
    (enrolled.state / FILE).write_text("{")
    assert read_record(enrolled.state) is None
    assert run_all(enrolled)["commissioning"] == "nothing"


def put(monkeypatch: pytest.MonkeyPatch, answer: Callable[[bytes], Answered]) -> list[int]:
    sizes: list[int] = []

    def call(_caller: Caller, _door: str, question: Question) -> Answered:
        sizes.append(len(question.body or b""))
        return answer(question.body or b"")

    monkeypatch.setattr(Caller, "call", call)
    return sizes


def test_on_a_line_too_slow_for_the_whole_log_less_is_tried_each_time(
    enrolled: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled.log.write_text("a line of the log\n" * 6000)

    def slow(body: bytes) -> Answered:
        if len(body) > 10_000:
            raise LinkDown("no whole answer in time")
        return Answered(200, b'{"id":"x","at":"2026-11-27T10:00:00Z"}')

    sizes = put(monkeypatch, slow)
    tries = [run_all(enrolled)["provision-log"] for _ in range(5)]
    assert tries == ["failed", "failed", "failed", "done", "nothing"]
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) < 2 * LOG_MAX_CHARS


@pytest.mark.parametrize("said", [b"<html>", b'{"id":"OTHER","at":"2026-11-27T10:00:00Z"}'])
def test_an_answer_that_is_none_leaves_the_record_owed(
    enrolled: Desk, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    write_record(enrolled.state, a_record(kiosk_id=KIOSK))
    put(monkeypatch, lambda _: Answered(200, said))
    assert run_all(enrolled)["commissioning"] == "failed"
    assert enrolled.mark("commissioning.sent") == ""


def test_one_errands_bug_stops_no_other(enrolled: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(_: Desk) -> Outcome:
        raise RuntimeError("bug")

    monkeypatch.setattr(rounds, "SENDS", (("commissioning", bug), ("provision-log", sending.send_log)))
    enrolled.log.write_text("x\n")
    assert run_all(enrolled) == {"enrol": "nothing", "commissioning": "failed", "provision-log": "done"}


def test_a_mark_that_cannot_be_written_costs_one_more_errand(enrolled: Desk) -> None:
    lost = changed(
        enrolled,
        lambda c: msgspec.structs.replace(c, paths=msgspec.structs.replace(c.paths, state="/proc/none")),
    )
    lost.set_mark("x", "y")
    assert lost.mark("x") == ""


# ---- never in the way


class Daemon:
    """A daemon that says whether an incident is open."""

    def __init__(self, desk: Desk) -> None:
        self.incidents: list[dict[str, str]] = []
        self.silent = False
        self.asked = threading.Event()
        self.server = ControlServer(Path(desk.config.paths.run) / "kiosk.sock", self._answer)

    def _answer(self, _request: object, reply: Callable[[dict[str, object]], None]) -> None:
        if self.silent:
            return
        reply({"incidents": self.incidents, "modem": {"imei": "350000000000017"}})
        self.asked.set()


@pytest.fixture
def daemon(desk: Desk) -> Iterator[Daemon]:
    made = Daemon(desk)
    made.server.open()
    yield made
    made.server.close()


def test_while_an_incident_is_open_it_enrols_and_sends_nothing(
    desk: Desk, doors: DoorsSite, daemon: Daemon
) -> None:
    daemon.incidents = [{"stage": "sending"}]
    write_record(desk.state, a_record(kiosk_id=KIOSK))
    with_token(desk, doors.token(KIOSK))
    assert run_all(desk) == {"enrol": "done", "commissioning": "later", "provision-log": "later"}
    with doors.engine.connect() as db:
        entry = registry.get(db, KIOSK)
    assert entry is not None
    assert entry.draft.imei == "350000000000017"


def test_a_daemon_that_is_too_busy_to_answer_may_have_an_incident(
    enrolled: Desk, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "ANSWER_S", 0.05)
    daemon.silent = True
    write_record(enrolled.state, a_record(kiosk_id=KIOSK))
    assert run_all(enrolled)["commissioning"] == "later"


def test_an_incident_that_opens_meanwhile_ends_it_at_once(
    enrolled: Desk, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout, "LOOK_S", 0.01)
    left = threading.Event()

    def hangs(_: bytes) -> Answered:
        daemon.incidents = [{"stage": "pressed"}]
        assert left.wait(20)
        raise LinkDown("cut off")

    write_record(enrolled.state, a_record(kiosk_id=KIOSK))
    put(monkeypatch, hangs)
    done = ended(rounds.run_all(enrolled, left.set))
    assert left.is_set()
    assert done["commissioning"] == "failed"


def test_two_rounds_never_run_at_once(enrolled: Desk) -> None:
    with rounds._alone(enrolled.state) as first:
        assert first
        assert run_all(enrolled) == {"all": "later"}
    assert run_all(enrolled)["enrol"] == "nothing"


# ---- the command


def command(desk: Desk, tmp_path: Path, *more: str) -> tuple[int, str]:
    file = desk.folder / "site.toml"
    example = Path(__file__).parents[2] / "provisioning" / "site.example.toml"
    text = example.read_text(encoding="utf-8").replace('"/etc/pana-kiosk', f'"{desk.folder}')
    file.write_text(
        f'{text}\n[paths]\nstate = "{tmp_path}/state"\nrun = "{tmp_path}/run"\n', encoding="utf-8"
    )
    done = CliRunner().invoke(main, ["errands", "--config", str(file), "--log", str(desk.log), *more])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout


def test_the_command_says_how_each_ended_and_fails_when_one_did(desk: Desk, tmp_path: Path) -> None:
    code, said = command(desk, tmp_path, "--json")
    assert code == 1
    assert [msgspec.json.decode(line)["errand"] for line in said.splitlines()] == [
        "enrol", "commissioning", "provision-log",
    ]  # fmt: skip


def test_the_command_ends_well_when_nothing_is_due(desk: Desk, tmp_path: Path) -> None:
    for name in ("kiosk.pem", "kiosk.key"):
        (desk.folder / name).write_text("-----BEGIN X-----\n")
    assert command(desk, tmp_path)[0] == 0


def test_without_its_state_folder_the_command_says_so(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "state").rmdir()
    assert command(desk, tmp_path) == (1, "")


def test_doors_are_named_as_the_configuration_names_them() -> None:
    assert desks.DOOR.fullmatch("centre.example.kz:8443")
