"""A whole centre with its doors: alert by HTTPS, answer by long poll, enrolment, and kill -9 between them."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from fakes.centre_site import Site, fresh_alert
from fakes.doors_site import json_of, key_pem, make_csr

from kiosk.control import ask
from kiosk.sim.broker import free_port

pytestmark = pytest.mark.real
WORDS = [
    f"--{what}-{language}=Дәріхана" for what in ("name", "address", "entrance") for language in ("kk", "ru")
]
PLACE = [*WORDS, "--lat=43.2", "--lon=76.9", "--kato=751000000"]


class Doors(Site):
    """A centre whose configuration names doors and a CA that the command line made."""

    def __post_init__(self) -> None:
        self.port = free_port()
        super().__post_init__()
        self.manage("ca", "create", "--permit", "localhost")
        paths = ["--cert", f"{self.folder}/doors.crt", "--key", f"{self.folder}/doors.key"]
        self.manage("server-cert", "localhost", *paths)

    def toml(self, brokers: str = "") -> str:
        return f"""{super().toml(brokers)}
            [doors]
            listen = "127.0.0.1:{self.port}"
            cert = "{self.folder}/doors.crt"
            key = "{self.folder}/doors.key"
            ca = "{self.folder}/ca.crt"
            [ca]
            cert = "{self.folder}/ca.crt"
            key = "{self.folder}/ca.key"
        """

    def manage(self, *args: str) -> str:
        (self.folder / "state").mkdir(exist_ok=True)
        done = self.cli("registry", "--config", str(self.file), *args)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/v1"

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.verify = f"{self.folder}/ca.crt"
        return session

    def post(self, session: requests.Session, path: str, body: object) -> requests.Response:
        """Ask until the doors are up, as a kiosk does."""
        deadline_s = time.monotonic() + 30
        while True:
            try:
                answer = session.post(f"{self.url}/{path}", json=body, timeout=15)
            except requests.ConnectionError:
                answer = None
            if answer is not None and answer.status_code != 503:
                return answer
            assert time.monotonic() < deadline_s, self.log()
            time.sleep(0.1)

    def enrolled(self, name: str) -> requests.Session:
        """Enrol a kiosk: its key is made here, the token by the command line."""
        key, csr = make_csr()
        token = self.manage("token", name)
        with self.session() as stranger:
            given = self.post(stranger, "enrol", {"token": token, "csr": csr})
        assert given.status_code == 200, given.text
        cert, secret = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        cert.write_text(given.json()["certificate"])
        secret.write_bytes(key_pem(key))
        session = self.session()
        session.cert = (str(cert), str(secret))
        return session

    def replies(self, session: requests.Session, alert_id: str, after: str, wait: int) -> list[str]:
        query: dict[str, str | int] = {"after": after, "wait": wait}
        answer = session.get(f"{self.url}/alerts/{alert_id}/replies", params=query, timeout=40)
        assert answer.status_code == 200, answer.text
        return [reply["stage"] for reply in answer.json()]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Doors]:
    made = Doors(tmp_path)
    made.broker.start()
    yield made
    made.close()


def test_an_alert_by_https_reaches_a_person_whose_answer_comes_back_after_kill_9(site: Doors) -> None:
    site.manage("add", "kz-1", *PLACE)
    site.spawn()
    with site.enrolled("kz-1") as kiosk:
        alert_id = f"01JDOORS{os.urandom(4).hex()}"
        body = json_of(fresh_alert(alert_id, "kz-1", route="https"))
        received = site.post(kiosk, "alerts", body)
        assert (received.status_code, received.json()["stage"]) == (200, "received")
        (view,) = site.alerts()
        assert (view["alert_id"], view["path"], view["stage"]) == (alert_id, "https", "received")

        assert site.post(kiosk, "alerts", body).json() == received.json()
        assert len(site.alerts()) == 1

        assert ask(site.socket, {"ask": "accept", "alert": alert_id, "by": "officer-7"}, 30)["ok"]
        assert site.replies(kiosk, alert_id, "received", 20) == ["accepted"]
        site.kill()
        site.spawn()
        assert site.post(kiosk, "alerts", body).json()["stage"] == "accepted"
        assert site.replies(kiosk, alert_id, "", 0) == ["received", "accepted"]

        site.manage("revoke", "kz-1", "--reason", "stolen")
        deadline_s = time.monotonic() + 5
        asked_s = time.monotonic()
        while site.post(kiosk, "alerts", body).status_code == 200:
            assert asked_s < deadline_s
            asked_s = time.monotonic()  # an answer may have been given before this process stood still
        assert site.post(kiosk, "alerts", body).status_code == 403
