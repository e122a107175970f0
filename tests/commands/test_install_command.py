"""The installer's check against a daemon whose answers the test writes: presses, prompts, interruptions."""

import io
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fakes.commissioning_rows import a_finding, a_record
from fakes.virtual_kiosk import DOORS, WORDS, example_config
from pki import Authority

from kiosk.check.install import sheet, steps, visit
from kiosk.check.install.people import Answer, AtTerminal, FromFile, read_answers
from kiosk.check.install.progress import FILE, LASTS_S, Kept, Progress
from kiosk.check.install.record import read_record
from kiosk.check.install.steps import AlarmOpen, Steps
from kiosk.check.install.visit import Visit
from kiosk.check.row import Row, fault, ok
from kiosk.check.running import judge_paths, paths_of
from kiosk.cli import main
from kiosk.commands.exits import Exit
from kiosk.config_voice import Cover
from kiosk.control import ControlServer, DaemonAway
from kiosk.messages import ConfigError
from kiosk.site import Site

pytestmark = pytest.mark.real
Object = dict[str, Any]
Reply = Callable[[Object], None]
BEAT = {"clock": "synced", "links": {"sms": {"balance_kzt": 812.0}}, "cert_days_left": 300}
MODEM = {"imei": "350000000000017", "operator": "Op", "signal_dbm": -71}
EXAMPLE = Path(__file__).parents[2] / "provisioning" / "site.example.toml"


class Daemon:
    """A daemon that does what `does` says to each kind of question."""

    def __init__(self, folder: Path) -> None:
        self.incidents: list[Object] = []
        self.asked: list[Object] = []
        self.does: dict[str, Callable[[Object, Reply], None]] = {"status": self._status}
        self.socket = folder / "kiosk.sock"
        self.server = ControlServer(self.socket, self._answer)
        self.server.open()

    def _status(self, _: Object, reply: Reply) -> None:
        reply({"incidents": self.incidents, "heartbeat": BEAT, "modem": MODEM})

    def _answer(self, request: Object, reply: Reply) -> None:
        self.asked.append(request)
        self.does[request["ask"]](request, reply)

    def tell(self, what: str, **detail: Any) -> None:
        self.server.publish({"t_s": time.monotonic(), "what": what, **detail})

    def pressed(self, request: Object, reply: Reply) -> None:
        reply({"ok": True, "seconds": 60})
        self.tell("trial_pressed", button="other")
        self.tell("trial_pressed", button=request["button"])

    def unpressed(self, request: Object, reply: Reply) -> None:
        reply({"ok": True, "seconds": 60})
        self.tell("trial_over", button=request["button"], reason="time is up")

    def alarm(self, _: Object, reply: Reply) -> None:
        reply({"ok": True})
        self.tell("pressed", alert_id="A")

    def refused(self, _: Object, reply: Reply) -> None:
        reply({"ok": False, "reason": "an incident is open"})

    def said(self, request: Object, reply: Reply) -> None:
        self.tell("rehearse", key=request["key"])
        reply({"ok": True})
        for language in ("kk", "ru"):
            self.tell("said", key=request["key"], lang=language, source="clip")
        self.tell("rehearsed", key="another", sounded=False)
        self.tell("rehearsed", key=request["key"], sounded=True)

    def mute(self, request: Object, reply: Reply) -> None:
        reply({"ok": True})
        self.tell("rehearsed", key=request["key"], sounded=False)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path)
    yield made
    made.server.close()


class Installer:
    """Somebody who answers what the test says, and remembers what was told."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.told: list[str] = []

    def tell(self, text: str) -> None:
        self.told.append(text)

    def ask(self, name: str, text: str) -> Answer:
        self.told.append(text)
        return self.answers.pop(0)


def at(daemon: Daemon, installer: Installer, **config: Any) -> Steps:
    site = Site(config=example_config(**config), words=WORDS)
    return Steps(site, daemon.socket, installer, "en")


# ---- buttons


def test_a_press_that_the_daemon_saw_passes_and_the_installer_is_warned_of_the_next(daemon: Daemon) -> None:
    daemon.does["trial"] = daemon.pressed
    installer = Installer()
    assert at(daemon, installer).press("counter") == ok("button:counter", "button_seen")
    assert daemon.asked[-1] == {"ask": "trial", "button": "counter", "seconds": 60.0}
    assert any("counter" in line for line in installer.told)
    assert "real alarm" in installer.told[-1]


def test_a_button_that_nobody_saw_is_tried_again_until_the_installer_gives_up(daemon: Daemon) -> None:
    daemon.does["trial"] = daemon.unpressed
    row = at(daemon, Installer("again", "no")).press("counter")
    assert (row.level, row.code) == ("fault", "button_unseen")
    assert len([one for one in daemon.asked if one["ask"] == "trial"]) == 2


def test_a_daemon_that_stays_silent_is_waited_for_only_so_long(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "TRIAL_S", 0.1)
    monkeypatch.setattr(steps, "MARGIN_S", 0.1)
    daemon.does["trial"] = lambda _, reply: reply({"ok": True})
    assert at(daemon, Installer("no")).press("counter").code == "button_unseen"


def test_a_trial_that_is_refused_is_untested_with_the_reason(daemon: Daemon) -> None:
    daemon.does["trial"] = daemon.refused
    row = at(daemon, Installer()).press("counter")
    assert (row.level, "incident is open" in str(row.values["reason"])) == ("untested", True)


@pytest.mark.parametrize("step", ["press", "hear"])
def test_a_real_alarm_ends_everything_at_once(daemon: Daemon, step: str) -> None:
    daemon.does |= {"trial": daemon.alarm, "say": daemon.alarm}
    with pytest.raises(AlarmOpen):
        getattr(at(daemon, Installer()), step)("counter")


def test_nobody_tests_while_an_alarm_is_open_or_without_a_daemon(daemon: Daemon) -> None:
    daemon.incidents = [{"stage": "sending"}]
    with pytest.raises(AlarmOpen):
        at(daemon, Installer()).demand_peace()
    daemon.server.close()
    with pytest.raises(DaemonAway):
        at(daemon, Installer()).demand_peace()


# ---- prompts


@pytest.mark.parametrize(
    ("answers", "code"), [(("yes",), "heard_ok"), (("no",), "heard_no"), (("again", "yes"), "heard_ok")]
)
def test_a_prompt_is_heard_or_not_or_said_again(
    daemon: Daemon, answers: tuple[Answer, ...], code: str
) -> None:
    daemon.does["say"] = daemon.said
    installer = Installer(*answers)
    assert at(daemon, installer, kiosk__languages=("en",)).hear("received").code == code
    assert "reached the centre" in installer.told[-1]


def test_a_device_that_takes_no_sound_is_a_fault_without_a_question(daemon: Daemon) -> None:
    daemon.does["say"] = daemon.mute
    assert at(daemon, Installer()).hear("received").code == "heard_nothing"
    daemon.does["say"] = daemon.refused
    assert at(daemon, Installer()).hear("received").level == "untested"


def test_a_prompt_that_never_ends_is_waited_for_only_so_long(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "SAY_S", 0.2)
    daemon.does["say"] = lambda _, reply: reply({"ok": True})
    assert at(daemon, Installer()).hear("received").code == "heard_nothing"


def test_what_is_said_first_is_that_this_is_a_test(daemon: Daemon) -> None:
    spoken = at(daemon, Installer(), voice__mode="spoken").prompts()
    assert spoken[0] == "drill"
    assert len(spoken) == len(set(spoken)) == 12
    cover = Cover(kk="Құрметті сатып алушылар.", ru="Уважаемые покупатели.", every_min=5)
    assert at(daemon, Installer(), voice__mode="cover", voice__cover=cover).prompts() == ["cover"]
    assert at(daemon, Installer(), voice__mode="off").prompts() == []


# ---- people


def test_letters_of_three_languages_are_understood(capsys: pytest.CaptureFixture[str]) -> None:
    lines = io.StringIO("чего\nД\nж\nr\n")
    person = AtTerminal(WORDS, "ru", lines.readline)
    person.tell("Слушайте")
    assert [person.ask("x", "Слышно?") for _ in range(4)] == ["yes", "no", "again", "no"]
    said = capsys.readouterr().out
    assert said.count("Слышно?") == 5
    assert "Слушайте" in said


def test_answers_may_be_given_before_by_name_and_for_all(tmp_path: Path) -> None:
    file = tmp_path / "answers"
    file.write_text("heard:received no\n\nbutton:counter again\n* yes\n", encoding="utf-8")
    told: list[str] = []
    person = FromFile(read_answers(file), told.append)
    names = ("heard:received", "heard:closed", "button:counter", "button:counter")
    assert [person.ask(name, "?") for name in names] == ["no", "yes", "again", "no"]
    person.tell("line")
    assert told[-1] == "line"
    assert FromFile({}, told.append).ask("x", "?") == "no"


def test_a_file_of_answers_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "answers"
    file.write_text("* yes\nheard:closed perhaps\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=":2: "):
        read_answers(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_answers(tmp_path)


# ---- what is done stays done


def kept(**changes: Any) -> Kept:
    fields: dict[str, Any] = {
        "config_hash": "abcd", "version": "1", "by": "Ann", "begun_at": "t0", "begun_s": 1000.0, "rows": {},
    }  # fmt: skip
    return Kept(**(fields | changes))


def test_a_step_that_passed_is_found_again_after_a_power_cut(tmp_path: Path) -> None:
    Progress(tmp_path, kept()).keep(a_finding("button:counter"))
    again = Progress(tmp_path, kept(begun_at="t1", begun_s=2000.0))
    assert (again.count, again.begun_at) == (1, "t0")
    assert again.done("button:counter") == a_finding("button:counter")
    assert again.done("button:fitting") is None
    again.end()
    assert Progress(tmp_path, kept()).count == 0


@pytest.mark.parametrize(
    "other",
    [{"config_hash": "ef"}, {"version": "2"}, {"by": "Bob"}, {"begun_s": 1000.0 + LASTS_S}, {"begun_s": 1.0}],
)
def test_steps_of_another_site_person_software_or_day_count_for_nothing(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    Progress(tmp_path, kept()).keep(a_finding("button:counter"))
    assert Progress(tmp_path, kept(**other)).count == 0


def test_progress_that_cannot_be_read_or_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    assert Progress(tmp_path, kept()).count == 0
    lost = Progress(tmp_path / "nowhere", kept())
    lost.keep(a_finding("button:counter"))
    lost.end()
    assert lost.count == 1


# ---- the whole visit


@pytest.fixture
def file(daemon: Daemon, tmp_path: Path) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8").replace('"/etc/pana-kiosk', f'"{tmp_path}')
    path = tmp_path / "site.toml"
    path.write_text(f'{text}\n[paths]\nstate = "{tmp_path}"\nrun = "{tmp_path}"\n', encoding="utf-8")
    daemon.does |= {"trial": daemon.pressed, "say": daemon.said}
    return path


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """Let the parts' own check give these rows."""
    rows: list[Row] = [
        ok("modem", "modem_ok", imei="350000000000017"),
        ok("path:mqtt", "path_ok", seconds="1"),
    ]

    def run(self: visit.Check) -> list[Row]:
        assert self.whole
        self.drill_id = "01DRILL"
        self.rows += rows
        return self.rows

    monkeypatch.setattr(visit.Check, "run", run)
    return rows


def visited(file: Path, **more: Any) -> Visit:
    return Visit(
        file=file, by="Әлия Қ.", words=WORDS, language="ru", person=FromFile({"*": "yes"}, print), **more
    )


def test_a_visit_leaves_a_record_of_everything(file: Path, parts: list[Row], tmp_path: Path) -> None:
    record = visited(file).run()
    assert (record.verdict, record.drill_id, record.by) == ("passed", "01DRILL", "Әлия Қ.")
    assert (record.imei, record.signal_dbm, record.balance_kzt) == ("350000000000017", -71, 812.0)
    found = [row.part for row in record.rows]
    assert found[:2] == ["button:counter", "button:fitting"]
    assert {"heard:drill", "heard:closed", "modem", "path:mqtt"} <= set(found)
    assert read_record(tmp_path) == record
    assert not (tmp_path / FILE).exists()


def test_a_visit_goes_on_where_an_alarm_cut_it_off(daemon: Daemon, file: Path, parts: list[Row]) -> None:
    daemon.does["say"] = daemon.alarm
    with pytest.raises(AlarmOpen):
        visited(file).run()
    daemon.does |= {"say": daemon.said, "trial": daemon.refused}  # the buttons are not tried again
    assert visited(file).run().verdict == "passed"


def test_a_visit_that_begins_again_repeats_everything(daemon: Daemon, file: Path, parts: list[Row]) -> None:
    daemon.does["say"] = daemon.alarm
    with pytest.raises(AlarmOpen):
        visited(file).run()
    daemon.does |= {"say": daemon.said, "trial": daemon.refused}
    assert visited(file, again=True).run().verdict == "failed"


def test_a_mute_site_has_no_prompt_to_hear(file: Path, parts: list[Row]) -> None:
    file.write_text(file.read_text().replace('mode = "spoken"', 'mode = "off"'))
    rows = {row.part: row.level for row in visited(file).run().rows}
    assert rows["heard"] == "unused"


def test_an_odd_modem_leaves_a_record_all_the_same(daemon: Daemon, file: Path, parts: list[Row]) -> None:
    daemon.does["status"] = lambda _, reply: reply({"incidents": [], "heartbeat": {}})
    record = visited(file).run()
    assert (record.imei, record.signal_dbm, record.clock) == ("", None, "unsynced")


# ---- paths


def test_each_path_is_judged_by_the_centres_own_answer() -> None:
    config = example_config(https=DOORS)
    events = [
        {"what": "drill", "t_s": 10.0},
        {"what": "answered", "path": "mqtt", "t_s": 10.25},
        {"what": "answered", "path": "sms", "t_s": 52.0},
        {"what": "drill_failed", "t_s": 100.0},
    ]
    rows = {row.part: row for row in judge_paths(config, events)}
    assert rows["path:mqtt"] == ok("path:mqtt", "path_ok", seconds="0.2")
    assert rows["path:sms"] == ok("path:sms", "path_ok", seconds="42.0")
    assert rows["path:https"] == fault("path:https", "path_silent", seconds="90")
    assert paths_of(example_config(sms=None, duty__tiers=())) == ["path:mqtt"]


# ---- the sheet and the command


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
@pytest.mark.parametrize("verdict", ["passed", "waiting", "failed"])
def test_the_sheet_says_what_is_wrong_first_and_what_to_do(language: Any, verdict: Any) -> None:
    rows = (a_finding(), a_finding("path:sms", level="fault", code="path_silent", values={"seconds": "180"}))
    lines = sheet.lines(a_record(verdict=verdict, rows=rows), WORDS, language)
    marks = [line[:3] for line in lines if line.startswith("[")]
    assert marks == ["[X]", "[+]"]
    assert any("→" in line for line in lines)
    assert "Әлия Қ." in lines[1]


def run(file: Path, *more: str) -> Any:
    return CliRunner().invoke(main, ["check", "--install", "--config", str(file), "--lang", "en", *more])


def test_the_command_prints_the_sheet_in_both_languages_and_keeps_it(
    file: Path, parts: list[Row], tmp_path: Path
) -> None:
    done = run(file, "--by", "Ann", "--yes", "--sheet", str(tmp_path / "sheet.html"))
    assert done.exit_code == 0, done.output
    assert "ПРИНЯТ: " in done.stdout
    assert "ҚАБЫЛДАНДЫ: " in done.stdout
    assert "does not have the record yet (no certificate yet)" in done.stdout
    assert "Ann" in (tmp_path / "sheet.html").read_text(encoding="utf-8")


def test_a_check_by_root_without_internet_leaves_the_new_key_to_the_kiosks_user(
    file: Path, parts: list[Row], tmp_path: Path
) -> None:
    user = 65534 if os.geteuid() == 0 else os.geteuid()
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, user, -1)
    file.write_text(file.read_text().replace(f'state = "{tmp_path}"', f'state = "{state}"'))
    (tmp_path / "token").write_text("x" * 52)
    (tmp_path / "door").write_text("localhost:1")
    Authority(tmp_path / "pki").ca.rename(tmp_path / "ca.pem")
    done = run(file, "--by", "Ann", "--yes")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "kiosk.key.pending").stat().st_uid == user


def test_the_command_fails_by_the_sheet_and_gives_the_record_as_json(file: Path, parts: list[Row]) -> None:
    parts.append(fault("speaker", "no_answer", seconds="5"))
    done = run(file, "--by", "Ann", "--yes", "--json")
    assert done.exit_code == Exit.FAILED
    assert json.loads(done.stdout)["verdict"] == "failed"


def test_an_alarm_during_the_command_ends_it_with_its_own_code(daemon: Daemon, file: Path) -> None:
    daemon.does["trial"] = daemon.alarm
    done = run(file, "--by", "Ann", "--yes")
    assert done.exit_code == Exit.REFUSED
    assert "A real alarm is open" in done.stderr


def test_answers_come_from_a_file_where_one_is_given(file: Path, parts: list[Row], tmp_path: Path) -> None:
    answers = tmp_path / "answers"
    answers.write_text("heard:closed no\n* yes\n")
    done = run(file, "--by", "Ann", "--answers", str(answers))
    assert done.exit_code == Exit.FAILED
    assert "not heard" not in done.stdout  # the sheet is in Kazakh and Russian
    assert "не слышно" in done.stdout


@pytest.mark.parametrize("more", [(), ("--by", " "), ("--by", "Ann")])
def test_without_a_name_or_anybody_there_it_says_so(file: Path, more: tuple[str, ...]) -> None:
    assert run(file, *more).exit_code == Exit.USAGE


def test_who_checks_is_asked_for_at_a_terminal(
    file: Path, parts: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.commands.install._at_terminal", lambda: True)
    done = CliRunner().invoke(
        main, ["check", "--install", "--config", str(file), "--lang", "en", "--yes"], input="Әлия Қ.\n"
    )
    assert done.exit_code == 0, done.output
    assert "Who checks?" in done.stdout
    assert "Әлия Қ." in done.stdout


def test_a_person_at_the_terminal_answers_each_question(
    file: Path, parts: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.commands.install._at_terminal", lambda: True)
    arguments = ["check", "--install", "--config", str(file), "--lang", "en", "--by", "Ann"]
    done = CliRunner().invoke(main, arguments, input="y\n" * 11 + "n\n")
    assert done.exit_code == Exit.FAILED
    assert done.stdout.count("Did you hear it?") == 12


def test_without_a_daemon_there_is_nothing_to_install(daemon: Daemon, file: Path) -> None:
    daemon.server.close()
    assert run(file, "--by", "Ann", "--yes").exit_code == Exit.AWAY
