"""Two centres on one Mosquitto and one PostgreSQL, each its own process, and an SMS gateway that counts."""

import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from fakes.centre_site import MONITOR, ROOT
from fakes.mqtt_kiosk import MqttKiosk, wait_for
from sqlalchemy import Connection, insert, select

from kiosk.control import ask
from kiosk.messages import DeviceError
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.schema import leases, people, shifts, texts
from kiosk.sim.broker import MosquittoBroker, throw_away_passwords

NAMES = ("monitor-1", "monitor-2")
OFFICERS = (("aigerim", "+77010000001", 1), ("bolat", "+77010000002", 2))
ASK_S = 30.0  # a busy machine is no hung centre
START_S = 90.0  # two centres and their pages begin at once
EVERY_S = 10  # between the tiers, the least that a configuration may say


class Gateway:
    """Takes every SMS; `texts` are (number, text, id) in order."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str, str]] = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                gateway.texts.append((body["to"], body["text"], body["id"]))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/send"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def called(self) -> list[str]:
        return [number for number, _, _ in self.texts]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class TwoCentres:
    """The pair, the broker, the database and the officers on duty."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.gateway = Gateway()
        self.passwords = throw_away_passwords(*NAMES, "kz-1", "kz-2")
        self.broker = MosquittoBroker(passwords=self.passwords, monitors=NAMES)
        self.broker.start()
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.kiosks: list[MqttKiosk] = []
        self.engine = make_engine(url)
        (folder / "master").write_text("5a" * 32)
        (folder / "token").write_text("throw-away")
        with self.engine.begin() as connection:
            self._put_on_duty(connection)

    def _put_on_duty(self, connection: Connection) -> None:
        now_ms = time.time_ns() // 1_000_000
        hour_ms = 3_600_000
        for name, phone, tier in OFFICERS:
            connection.execute(
                insert(people).values(
                    person_id=name, name=name, role="officer", language="en", phone=phone, active=True,
                    created_ms=now_ms, changed_ms=now_ms,
                )
            )  # fmt: skip
            connection.execute(
                insert(shifts).values(
                    person_id=name,
                    tier=tier,
                    begins_ms=now_ms - hour_ms,
                    ends_ms=now_ms + hour_ms,
                    away=False,
                )
            )

    def _file(self, name: str) -> Path:
        home = self.folder / name
        home.mkdir(exist_ok=True)
        (home / "password").write_text(self.passwords[name])
        file = home / "monitor.toml"
        file.write_text(f"""
            [monitor]
            id = "{name}"
            [mqtt]
            brokers = ["127.0.0.1:{self.broker.port}"]
            user = "{name}"
            password_file = "{home}/password"
            [paths]
            state = "{home}/state"
            run = "{home}/run"
            [store]
            url = "{self.url}"
            [sms]
            master_key_file = "{self.folder}/master"
            [sms.gateway]
            url = "{self.gateway.url}"
            token_file = "{self.folder}/token"
            [escalation]
            first_after_s = 0
            every_s = {EVERY_S}
        """)
        return file

    def spawn(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.children[name] = subprocess.Popen(
                [*MONITOR, "run", "--config", str(self._file(name))], cwd=ROOT, stdout=log, stderr=log
            )

    def spawn_both(self) -> None:
        for name in NAMES:
            self.spawn(name)
        for name in NAMES:
            self.wait_until_linked(name)

    def wait_until_linked(self, name: str) -> None:
        wait_for(lambda: self.ask(name, {"ask": "status"}).get("link"), f"the link of {name}", START_S)

    def kill(self, name: str) -> None:
        child = self.children.pop(name)
        child.kill()
        child.wait(10)

    def ask(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return ask(self.folder / name / "run" / "monitor.sock", request, ASK_S)
        except DeviceError:
            return {}

    def alerts(self, name: str) -> dict[str, dict[str, Any]]:
        page = self.ask(name, {"ask": "alerts", "closed": True})
        found = {view["alert_id"]: view for view in page.get("alerts", ())}
        assert len(found) == len(page.get("alerts", ())), "an alert twice"
        return found

    def stage(self, name: str, alert_id: str) -> str:
        return str(self.alerts(name).get(alert_id, {}).get("stage", ""))

    def holder(self) -> str:
        """Name the monitor that the lease names, alive or not."""
        with self.engine.connect() as connection:
            found = connection.execute(select(leases.c.holder)).scalar()
        return (found or "").partition("/")[0]

    def noted_as_sent(self) -> int:
        """Count the texts that the store has as sent; a log says so before the commit."""
        with self.engine.connect() as connection:
            return len(connection.execute(select(texts.c.step).where(texts.c.state == "sent")).all())

    def kiosk(self, name: str = "kz-1") -> MqttKiosk:
        made = MqttKiosk(self.broker.port, name, self.passwords[name])
        self.kiosks.append(made)
        return made

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def close(self) -> None:
        for kiosk in self.kiosks:
            kiosk.close()
        for name in list(self.children):
            self.kill(name)
        self.engine.dispose()
        self.broker.close()
        self.gateway.close()
