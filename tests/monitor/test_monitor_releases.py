"""Releases at the centre: verified before they are offered, given in parts to kiosks only, few at once."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fakes.doors_site import PATIENCE_S, DoorsSite, patient

from kiosk import bundle
from kiosk.bundle import Header
from kiosk.config import Tls
from kiosk.monitor.commands import monitor
from kiosk.monitor.doors import releases as door
from kiosk.monitor.store import releases
from kiosk.monitor.store.releases import Release
from kiosk.net.call import Caller, Question
from kiosk.update.fetch import fetch

pytestmark = pytest.mark.real
KEY = Ed25519PrivateKey.generate()
CONTENT = {
    "requirements/bookworm-arm64.txt": b"# none\n",
    "requirements/trixie-armhf.txt": b"# none\n",
    "app/large.whl": bytes(range(256)) * 6000,
}


def make(folder: Path, version: str = "2.0", key: Ed25519PrivateKey = KEY) -> Path:
    path = folder / f"pana-release-{version}.tar"
    header = Header(kind="release", version=version, made_at="2026-11-27T01:00:00Z")
    bundle.write(path, header, CONTENT, key.sign)
    return path


class Desk:
    """Commands on a centre's configuration."""

    def __init__(self, file: Path, folder: Path) -> None:
        self.file = file
        self.owner = folder / "owner.pub"
        self.owner.write_bytes(bundle.public_pem(KEY.public_key()))
        with file.open("a") as more:
            more.write(f'\n[updates]\nowner_key = "{self.owner}"\n')

    def run(self, group: str, *words: str) -> Result:
        command = ["--socket", "/none.sock", group, "--config", str(self.file), *words]
        return CliRunner().invoke(monitor, command)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorsSite]:
    with patient():
        made = DoorsSite(tmp_path_factory.mktemp("doors"), names=("kz-1", "kz-2")).start(core=False)
        yield made
        made.close()


@pytest.fixture(scope="module")
def offered(site: DoorsSite) -> str:
    path = make(site.folder)
    release_id = bundle.file_id(path)
    file = releases.file_of(site.folder, release_id)
    file.parent.mkdir()
    file.write_bytes(path.read_bytes())
    new = Release(
        release_id=release_id, version="2.0", size=1, made_at="", targets="", added_ms=1, added_by="aida"
    )
    with site.write() as db:
        releases.add(db, new)
    return release_id


def get(site: DoorsSite, name: str, release_id: str, part: str = "bytes=0-99") -> requests.Response:
    with site.client(name) as session:
        headers = {"Range": part} if part else {}
        return session.get(f"{site.url}/v1/releases/{release_id}", headers=headers, timeout=PATIENCE_S)


def test_a_part_is_given_with_its_place_in_the_whole(site: DoorsSite, offered: str) -> None:
    whole = make(site.folder).read_bytes()
    answer = get(site, "kz-1", offered, "bytes=100-299")
    assert (answer.status_code, answer.content) == (206, whole[100:300])
    assert answer.headers["content-range"] == f"bytes 100-299/{len(whole)}"
    answer = get(site, "kz-1", offered, "bytes=0-")
    assert (len(answer.content), answer.content) == (door.PART_MAX, whole[: door.PART_MAX])


@pytest.mark.parametrize(
    ("release_id", "part", "status"),
    [
        ("", "", 400),
        ("", "bytes=9-3", 400),
        ("", "bytes=0-9,20-29", 400),
        ("", "bytes=-5", 400),
        ("", "bytes=99999999-", 416),
        ("cd" * 32, "bytes=0-9", 404),
        ("x", "bytes=0-9", 404),
        ("..%2f..%2fetc%2fpasswd", "bytes=0-9", 404),
    ],
)
def test_what_cannot_be_given_is_refused(
    site: DoorsSite, offered: str, release_id: str, part: str, status: int
) -> None:
    assert get(site, "kz-1", release_id or offered, part).status_code == status


def test_a_stranger_gets_nothing(site: DoorsSite, offered: str) -> None:
    assert get(site, "", offered).status_code == 401


def test_a_kiosk_fetches_the_whole_and_finds_it_sound(site: DoorsSite, offered: str, tmp_path: Path) -> None:
    cert, key = site.kiosk("kz-2")
    caller = Caller(Tls(ca=str(site.ca_file), cert=str(cert), key=str(key)), lambda: float(site.now_s))
    path = fetch(
        offered, tmp_path, doors=[f"localhost:{site.port}"], caller=caller, wait=lambda _s: None,
        is_quiet=lambda: True,
    )  # fmt: skip
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(make(tmp_path).read_bytes()).digest()
    assert bundle.verify(path, KEY.public_key(), kind="release", release=offered).header.version == "2.0"


def test_few_parts_are_under_way_at_once(
    site: DoorsSite, offered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "AT_ONCE", 0)
    answer = get(site, "kz-1", offered)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_every_slot_comes_back(site: DoorsSite, offered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "AT_ONCE", 1)
    statuses = [
        get(site, "kz-2", offered, part).status_code for part in ("bytes=0-9", "bytes=99999999-", "bytes=0-9")
    ]
    assert statuses == [206, 416, 206]


def test_a_kiosk_that_asks_without_end_is_slowed_down(
    site: DoorsSite, offered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door.Rate, "take", lambda *_: False)
    assert get(site, "kz-1", offered).status_code == 503


def test_a_large_answer_only_comes_where_a_part_was_asked_for(site: DoorsSite, offered: str) -> None:
    cert, key = site.kiosk("kz-2")
    caller = Caller(Tls(ca=str(site.ca_file), cert=str(cert), key=str(key)), lambda: float(site.now_s))
    question = Question(path=f"/v1/releases/{offered}", deadline_s=PATIENCE_S, part=(0, door.PART_MAX - 1))
    answer = caller.call(f"localhost:{site.port}", question)
    assert (answer.status, len(answer.body)) == (206, door.PART_MAX)
    assert answer.whole == make(site.folder).stat().st_size
    assert caller.call(f"localhost:{site.port}", Question(path="/v1/x", deadline_s=PATIENCE_S)).whole is None


# ---- commands


@pytest.fixture
def bench(tmp_path: Path) -> Desk:
    file = tmp_path / "monitor.toml"
    file.write_text(f"""
        [monitor]
        id = "monitor-1"
        [mqtt]
        brokers = ["127.0.0.1:1883"]
        [paths]
        state = "{tmp_path}"
        run = "{tmp_path}/run"
    """)
    return Desk(file, tmp_path)


def view(bench: Desk, *words: str) -> Any:
    output = bench.run(*words, "--json").output
    return [json.loads(line) for line in output.splitlines()]


def test_only_the_owners_release_is_offered(bench: Desk, tmp_path: Path) -> None:
    done = bench.run("release", "add", str(make(tmp_path, key=Ed25519PrivateKey.generate())))
    assert done.exit_code == 1
    assert "signature" in done.output
    assert not (tmp_path / "releases").exists()


def test_a_release_is_listed_and_taken_away(bench: Desk, tmp_path: Path) -> None:
    path = make(tmp_path)
    bench.run("release", "add", str(path))
    assert "was offered already" in bench.run("release", "add", str(path)).output
    [seen] = view(bench, "release", "list")
    assert (seen["version"], seen["here"]) == ("2.0", True)
    assert seen["targets"] == ["bookworm-arm64", "trixie-armhf"]
    assert "2.0" in bench.run("release", "list").output
    assert bench.run("release", "remove", "9.9").exit_code == 78
    assert bench.run("release", "remove", "2.0").output == "2.0 is offered no more\n"
    assert not releases.file_of(tmp_path, seen["release"]).exists()


def test_a_file_that_cannot_be_kept_is_told(bench: Desk, tmp_path: Path) -> None:
    (tmp_path / "releases").write_text("in the way")
    done = bench.run("release", "add", str(make(tmp_path)))
    assert done.exit_code == 1
    assert "releases" in done.output


def test_a_roll_out_by_the_command_line(bench: Desk, tmp_path: Path) -> None:
    assert view(bench, "rollout", "status") == [{"versions": {}, "rollout": None}]
    assert bench.run("rollout", "start", "2.0").exit_code == 78
    assert bench.run("rollout", "pause").exit_code == 78
    bench.run("release", "add", str(make(tmp_path)))
    assert bench.run("rollout", "start", "2.0", "--steps", "50,20").exit_code == 2
    done = bench.run("rollout", "start", "2.0", "--steps", "10,100", "--soak-min", "5")
    assert done.output.endswith("begins with 10 %\n")
    assert "is under way" in bench.run("rollout", "start", "2.0").output
    assert "roll-out of it is under way" in bench.run("release", "remove", "2.0").output
    assert bench.run("rollout", "pause").output == "2.0: paused\n"
    assert bench.run("rollout", "resume").output == "2.0: running\n"
    assert "2.0: running, 10 %" in bench.run("rollout", "status").output
    shown = view(bench, "rollout", "status")[0]["rollout"]
    assert (shown["state"], shown["steps"], shown["kiosks"], shown["troubled"]) == (
        "running",
        [10, 100],
        {},
        [],
    )
    assert bench.run("rollout", "stop").output == "2.0: stopped\n"
    assert bench.run("release", "remove", "2.0").exit_code == 0
