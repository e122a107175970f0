"""The brokers' files, made out of those in provisioning/broker, which stay the single source of every rule.

An expired revocation list locks the whole fleet out, so one that ends soon is never written.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from kiosk.fleet.making import FleetError
from kiosk.fleet.release.children import run

ID = re.compile(r"[a-z0-9][a-z0-9-]{2,31}", re.ASCII)
ADDRESS = re.compile(r"[A-Za-z0-9.-]{1,253}", re.ASCII)
CRL_DAYS_MIN = 20  # signed daily for 30 days: fewer left means that its renewal is broken
PLACE = "/etc/mosquitto/pana"
# As the shipped acl names them.
RESPONDER, EARS = "monitor-1", "monitor-1-hb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who is served by the brokers. `nodes` of a NATS cluster, name to address; none: no cluster."""

    source: Path
    monitors: Sequence[str]
    ears: bool
    revoked: Sequence[str]
    kiosks: Sequence[str]
    nodes: Mapping[str, str]
    crl: bytes | None = None
    crl_from: str = ""

    def __post_init__(self) -> None:
        for name in (*self.monitors, *self.revoked, *self.kiosks, *self.nodes):
            if not ID.fullmatch(name):
                raise FleetError(f"{name!r} is no id: 3 to 32 of a-z 0-9 -, no - first")
        for address in self.nodes.values():
            if not ADDRESS.fullmatch(address):
                raise FleetError(f"{address!r} is no address of a node: a name or numbers, no port")
        if self.nodes and (len(self.nodes) < 3 or len(self.nodes) % 2 == 0):
            raise FleetError(f"{len(self.nodes)} nodes: a cluster has an odd number of them, 3 or more")
        if not re.fullmatch(r"((/|https://)\S+)?", self.crl_from):
            raise FleetError(
                f"--crl-from {self.crl_from!r}: an absolute path or an https address is expected"
            )


def mosquitto(plan: Plan) -> dict[str, str]:
    """Give the files of a Mosquitto: its configuration, who may say what, and how its list stays fresh."""
    conf = _read(plan.source / "mosquitto.conf")
    if plan.crl is not None:
        conf += f"\n# Kept fresh by pana-crl.timer of the package pana-monitor.\ncrlfile {PLACE}/crl.pem\n"
    files = {"pana.conf": conf, "acl": acl(_read(plan.source / "acl"), plan)}
    if plan.crl is not None:
        origin = plan.crl_from or "/var/lib/pana-monitor/crl.pem"
        lines = [f"PANA_CRL_FROM={origin}", f"PANA_CRL_TO={PLACE}/crl.pem", f"PANA_CRL_CA={PLACE}/ca.crt"]
        if origin.startswith("https:"):
            lines += [f"PANA_CRL_CERT={PLACE}/crl-client.crt", f"PANA_CRL_KEY={PLACE}/crl-client.key"]
        lines += [f"PANA_CRL_WARN_DAYS={CRL_DAYS_MIN}", "PANA_BROKER=mosquitto.service"]
        files |= {"crl.env": "\n".join(lines) + "\n", "crl.pem": plan.crl.decode("ascii")}
    return files


def acl(shipped: str, plan: Plan) -> str:
    """Write the rules with a stanza for each responder and its ears, and deny lines for kiosks shut out."""
    head, responder, ears = _stanzas(shipped)
    parts = [head]
    for stanza in (responder, ears) if plan.ears else (responder,):
        rules = "\n".join(line for line in stanza.splitlines() if not line.startswith("#"))
        parts += [(rules if at else stanza).replace(RESPONDER, name) for at, name in enumerate(plan.monitors)]
    parts += [f"user {name}\ntopic deny #" for name in plan.revoked]
    return "\n\n".join(parts) + "\n"


def nats(plan: Plan) -> dict[str, str]:
    """Give the files of a NATS cluster: nats.conf and users.conf for every node, node.conf for each."""
    folder = plan.source / "nats"
    script = (folder / "users.sh").resolve()
    kiosks = [name for name in plan.kiosks if name not in plan.revoked]
    users = run(["bash", script, *plan.monitors], "users.conf", text="".join(f"{name}\n" for name in kiosks))
    files = {"nats.conf": _read(folder / "nats.conf"), "users.conf": users}
    example = _read(folder / "node.conf.example")
    for name, address in plan.nodes.items():
        routes = ", ".join(f'"nats-route://{other}:6222"' for at, other in plan.nodes.items() if at != name)
        text = example.replace("server_name: pana-1", f"server_name: {name}")
        text = text.replace('"10.0.0.1:6222"', f'"{address}:6222"')
        files[f"{name}/node.conf"] = re.sub(r"ROUTES: \[.*\]", f"ROUTES: [{routes}]", text)
    return files


def fresh_crl(path: Path, ca: bytes, now: datetime | None = None) -> bytes:
    """Read a revocation list that our CA signed and that holds for 20 days at least. Raises FleetError."""
    try:
        pem = path.read_bytes()
        crl = x509.load_pem_x509_crl(pem)
    except OSError as error:
        raise FleetError(
            f"{path}: {error.strerror}; write one at the centre: kiosk monitor registry crl"
        ) from error
    except ValueError as error:
        raise FleetError(f"{path}: is no revocation list in PEM") from error
    if not any(_signed(crl, one) for one in x509.load_pem_x509_certificates(ca)):
        raise FleetError(f"{path}: is not signed by the CA of fleet.toml")
    ends, at = crl.next_update_utc, now or datetime.now(UTC)
    if ends is None:
        raise FleetError(
            f"{path}: never ends, so nobody would notice that it is not renewed; write another one"
        )
    if ends <= at:
        raise FleetError(
            f"{path}: HAS EXPIRED ({ends:%Y-%m-%d}): the broker would refuse every kiosk; sign it anew"
        )
    if ends - at < timedelta(days=CRL_DAYS_MIN):
        days = (ends - at).days
        raise FleetError(
            f"{path}: EXPIRES IN {days} DAYS, then every kiosk is refused: the centre does not renew it. "
            "Mend that, then: kiosk monitor registry crl"
        )
    return pem


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write the files below a folder. Raises FleetError."""
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FleetError(f"{error.filename}: {error.strerror}") from error


def _signed(crl: x509.CertificateRevocationList, ca: x509.Certificate) -> bool:
    key = ca.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        return False
    return crl.is_signature_valid(key)


def _stanzas(shipped: str) -> tuple[str, str, str]:
    """Take the shipped acl apart: what holds for all, one responder, its ears."""
    blocks = shipped.strip("\n").split("\n\n")
    found = [next((block for block in blocks if f"user {name}\n" in block), "") for name in (RESPONDER, EARS)]
    if not all(found):
        raise FleetError(f"the shipped acl has no stanza of {RESPONDER} and of {EARS}")
    return "\n\n".join(block for block in blocks if block not in found), found[0], found[1]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise FleetError(f"{path}: {error.strerror}; name the sources of the kiosk by --source") from error
