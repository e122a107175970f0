"""`kiosk fleet broker`: the shipped rules for all centres, and never a revocation list that ends soon."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.serialization import Encoding
from fleet_desk import ROOT, Desk, rows

from kiosk.commands.exits import Exit
from kiosk.fleet import brokers
from kiosk.fleet.making import FleetError
from kiosk.monitor.store import registry
from kiosk.monitor.store.engine import make_engine

SHIPPED = ROOT / "provisioning" / "broker"


def broker(desk: Desk, *args: str) -> tuple[int, str]:
    given = ["--to", str(desk.out), "--source", str(ROOT), "--fleet", str(desk.folder / "fleet.toml")]
    result = desk.run("broker", *given, *args)
    return result.exit_code, result.output


def written(desk: Desk, name: str) -> str:
    return (desk.out / name).read_text(encoding="utf-8")


def crl(desk: Desk, days: float, *, key: ec.EllipticCurvePrivateKey | None = None) -> Path:
    now = datetime.now(UTC)
    builder = x509.CertificateRevocationListBuilder().issuer_name(desk.authority._name)
    builder = builder.last_update(now - timedelta(days=30)).next_update(now + timedelta(days=days))
    path = desk.folder / "crl.pem"
    path.write_bytes(builder.sign(key or desk.authority._key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return path


def test_one_centre_without_a_list_gets_the_shipped_files(desk: Desk) -> None:
    code, words = broker(desk, "--ears")
    assert (code, "no revocation list" in words) == (Exit.OK, True)
    assert written(desk, "mosquitto/pana.conf") == (SHIPPED / "mosquitto.conf").read_text()
    assert written(desk, "mosquitto/acl") == (SHIPPED / "acl").read_text()
    assert "conf.d/pana.conf" in written(desk, "STEPS.txt")


def test_each_centre_has_a_stanza_of_its_own_and_ears_only_where_they_are_wanted(desk: Desk) -> None:
    assert broker(desk, "--monitor", "monitor-1", "--monitor", "astana-2")[0] == Exit.OK
    acl = written(desk, "mosquitto/acl")
    assert acl.count("topic write pana/v1/k/+/ack/+") == 2
    assert "topic write pana/v1/mon/astana-2/status" in acl
    assert "-hb" not in acl
    assert broker(desk, "--monitor", "astana-2", "--ears")[0] == Exit.OK
    assert "user astana-2-hb\ntopic read pana/v1/k/+/hb\n" in written(desk, "mosquitto/acl")
    assert "user monitor-1" not in written(desk, "mosquitto/acl")


def test_a_fresh_list_is_laid_down_with_its_renewal(desk: Desk) -> None:
    path = crl(desk, 29)
    assert broker(desk, "--crl", str(path))[0] == Exit.OK
    assert written(desk, "mosquitto/pana.conf").endswith("crlfile /etc/mosquitto/pana/crl.pem\n")
    assert written(desk, "mosquitto/crl.pem") == path.read_text()
    assert "PANA_CRL_FROM=/var/lib/pana-monitor/crl.pem\n" in written(desk, "mosquitto/crl.env")
    assert "PANA_CRL_CERT" not in written(desk, "mosquitto/crl.env")
    door = "https://centre.example.kz:8443/v1/crl.pem"
    assert broker(desk, "--crl", str(path), "--crl-from", door)[0] == Exit.OK
    assert f"PANA_CRL_FROM={door}\n" in written(desk, "mosquitto/crl.env")
    assert "PANA_CRL_CERT=" in written(desk, "mosquitto/crl.env")
    assert "pana-crl.timer" in written(desk, "STEPS.txt")


@pytest.mark.parametrize(
    ("days", "words"), [(-1, "HAS EXPIRED"), (19.5, "EXPIRES IN 19 DAYS"), (0.5, "EXPIRES IN 0 DAYS")]
)
def test_a_list_that_ends_soon_is_refused_loudly(desk: Desk, days: float, words: str) -> None:
    code, told = broker(desk, "--crl", str(crl(desk, days)))
    assert (code, words in told) == (Exit.FAILED, True)
    assert not desk.out.exists()


def test_a_list_of_another_ca_or_none_is_refused(desk: Desk) -> None:
    foreign = crl(desk, 29, key=ec.generate_private_key(ec.SECP256R1()))
    assert "is not signed by the CA" in broker(desk, "--crl", str(foreign))[1]
    foreign.write_text("x")
    assert "is no revocation list" in broker(desk, "--crl", str(foreign))[1]
    assert "write one at the centre" in broker(desk, "--crl", str(desk.folder / "none"))[1]


def test_the_names_of_a_ca_are_no_proof(desk: Desk) -> None:
    key = ed448.Ed448PrivateKey.generate()
    name, now = desk.authority._name, datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    odd = builder.sign(key, None).public_bytes(Encoding.PEM)
    with pytest.raises(FleetError, match="is not signed by the CA"):
        brokers.fresh_crl(crl(desk, 29), odd)


def test_kiosks_that_are_shut_out_have_deny_lines(desk: Desk) -> None:
    centre = str(desk.centre())
    assert desk.make(rows(2), "--centre", centre).exit_code == Exit.OK
    with make_engine(f"sqlite:///{desk.folder}/centre.sqlite").execution_options(writes=True).connect() as db:
        registry.revoke(db, "kz-ala-0002", "lost", who="x", now_ms=1)
        db.commit()
    nodes = ["--node", "pana-1=10.0.0.1", "--node", "pana-2=10.0.0.2", "--node", "pana-3=10.0.0.3"]
    assert broker(desk, "--centre", centre, *nodes)[0] == Exit.OK
    assert written(desk, "mosquitto/acl").endswith("user kz-ala-0002\ntopic deny #\n")
    users = written(desk, "nats/users.conf")
    assert 'user: "CN=kz-ala-0001"' in users
    assert "kz-ala-0002" not in users
    assert 'user: "CN=monitor-1"' in users


def test_each_node_of_a_cluster_knows_the_others(desk: Desk) -> None:
    nodes = ["--node", "a-1=a.example.kz", "--node", "b-1=b.example.kz", "--node", "c-1=c.example.kz"]
    assert broker(desk, *nodes)[0] == Exit.OK
    node = written(desk, "nats/b-1/node.conf")
    assert "server_name: b-1\n" in node
    assert 'CLUSTER_LISTEN: "b.example.kz:6222"' in node
    assert 'ROUTES: ["nats-route://a.example.kz:6222", "nats-route://c.example.kz:6222"]' in node
    assert written(desk, "nats/nats.conf") == (SHIPPED / "nats/nats.conf").read_text()


@pytest.mark.real
@pytest.mark.skipif(not shutil.which("nats-server"), reason="NATS judges its own files")
def test_nats_takes_the_files(desk: Desk) -> None:
    nodes = ["--node", "a-1=127.0.0.1", "--node", "b-1=127.0.0.2", "--node", "c-1=127.0.0.3"]
    assert broker(desk, *nodes)[0] == Exit.OK
    server = desk.authority.server(peer=True)
    folder = desk.out / "nats"
    text = written(desk, "nats/a-1/node.conf")
    for path, real in (
        ("/etc/nats-server/pana/server.crt", server.cert),
        ("/etc/nats-server/pana/server.key", server.key),
        ("/etc/nats-server/pana/ca.crt", desk.folder / "ca.crt"),
    ):
        text = text.replace(path, str(real))
    (folder / "node.conf").write_text(text)
    command = ["nats-server", "-t", "-c", str(folder / "nats.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--node", "pana-1"), "NAME=ADDRESS"),
        (("--node", "a-1=x", "--node", "b-1=y"), "an odd number of them"),
        (("--node", "a-1=x y", "--node", "b-1=y", "--node", "c-1=z"), "is no address"),
        (("--monitor", "Monitor 1"), "is no id"),
        (("--crl-from", "http://x"), "an absolute path or an https address"),
    ],
)
def test_what_is_written_wrongly_is_said(desk: Desk, args: tuple[str, ...], words: str) -> None:
    code, told = broker(desk, *args)
    assert code in (Exit.FAILED, Exit.USAGE)
    assert words in told


def test_sources_that_are_not_there_or_were_changed_are_told(desk: Desk, tmp_path: Path) -> None:
    given = ["--to", str(desk.out), "--fleet", str(desk.folder / "fleet.toml"), "--source", str(tmp_path)]
    assert "name the sources" in desk.run("broker", *given).output
    folder = tmp_path / "provisioning" / "broker"
    shutil.copytree(SHIPPED, folder)
    (folder / "acl").write_text("user x\n")
    assert "has no stanza of monitor-1" in desk.run("broker", *given).output


def test_a_folder_that_cannot_be_written_is_a_sentence(desk: Desk) -> None:
    with pytest.raises(FleetError, match="File exists"):
        brokers.write({"x": "y"}, desk.folder / "ca.crt")
