"""Names of the centre's own certificates: no way into the registry makes a kiosk of one."""

from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fakes.centre_pages import Pages
from fakes.doors_site import make_csr
from fakes.registry_rows import a_certificate, a_draft
from sqlalchemy import Engine

from kiosk.monitor import ca
from kiosk.monitor.commands import monitor
from kiosk.monitor.doors.bodies import Enrol
from kiosk.monitor.doors.issuing import Issuer
from kiosk.monitor.doors.refusals import Refused
from kiosk.monitor.store import certificates, imports, names, registry, tokens
from kiosk.monitor.store.drafts import RegistryError
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.names import NameTaken
from kiosk.monitor.web.words import LANGUAGES

NOW_MS = 1_780_000_000_000
HEADER = (
    "kiosk_id,number,name_kk,name_ru,address_kk,address_ru,entrance_kk,entrance_ru,lat,lon,accuracy_m,kato"
)
LINE = "{name},,Дүкен,Магазин,Абай 1,Абая 1,Көше,Улица,43.2,76.9,15,751000000"
TOML = """
[monitor]
id = "monitor-1"
[mqtt]
brokers = ["localhost:1883"]
user = "centre"
[mqtt.heartbeats]
id = "monitor-1-hb"
user = "ears"
[paths]
state = "{folder}"
run = "{folder}"
[ca]
cert = "{folder}/ca.crt"
key = "{folder}/ca.key"
"""
OWN = ("monitor-1", "monitor-1-hb", "centre", "ears")
FORM = {
    "kiosk_id": "monitor-1", "number": "17", "name_kk": "Дәріхана", "name_ru": "Аптека",
    "address_kk": "Абай 10", "address_ru": "Абая 10", "entrance_kk": "ауладан", "entrance_ru": "со двора",
    "lat": "43.2", "lon": "76.9", "accuracy_m": "10", "kato": "750000000", "phone": "", "imei": "",
    "note": "",
}  # fmt: skip


class Centre:
    """A centre's configuration with a CA, its commands, and its store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "monitor.toml"
        self.file.write_text(TOML.format(folder=folder))
        assert self.run("ca", "create").exit_code == 0
        self.engine: Engine = make_engine(f"sqlite:///{folder}/centre.sqlite")

    def run(self, *args: str) -> Result:
        command = ["--socket", str(self.folder / "none.sock"), "registry", "--config", str(self.file), *args]
        return CliRunner().invoke(monitor, command)

    def client_cert(self, name: str) -> Result:
        stem = self.folder / name
        return self.run("client-cert", name, "--cert", f"{stem}.crt", "--key", f"{stem}.key")

    def add(self, name: str) -> Result:
        words = [f"--{what}-{lang}=x" for what in ("name", "address", "entrance") for lang in ("kk", "ru")]
        return self.run("add", name, *words, "--lat=43.2", "--lon=76.9", "--kato=751000000")

    def load(self, *kiosks: str) -> Result:
        sheet = self.folder / "kiosks.csv"
        sheet.write_text("\n".join([HEADER, *(LINE.format(name=name) for name in kiosks)]), encoding="utf-8")
        return self.run("import", str(sheet))

    def kiosks(self) -> list[str]:
        with self.engine.connect() as db:
            return [entry.kiosk_id for entry in registry.find(db)]


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    made = Centre(tmp_path)
    yield made
    made.engine.dispose()


@pytest.mark.parametrize("name", [*OWN, "monitor-2"])
def test_no_command_registers_a_kiosk_under_a_name_of_the_centre(centre: Centre, name: str) -> None:
    """Its certificate would receipt every kiosk's alerts; revoking it would cut the true centre off."""
    assert centre.client_cert("monitor-2").exit_code == 0
    refused = centre.add(name)
    assert refused.exit_code != 0
    assert f"{name} is a name of the centre itself" in refused.stderr
    assert "choose another id" in refused.stderr
    sheet = centre.load("kz-1", name)
    assert sheet.exit_code != 0
    assert sheet.stderr.startswith(f"line 3: {name} is a name of the centre itself")
    assert centre.kiosks() == []
    assert centre.add("kz-1").exit_code == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_refuses_a_name_of_the_centre_in_each_language(centre: Centre, language: str) -> None:
    assert centre.client_cert("monitor-1").exit_code == 0
    with Pages(centre.folder) as pages:
        technician = pages.sign_in("technician", language=language)
        technician.get("/registry/new")
        for name in ("monitor-1", "centre-1"):  # with a certificate, and as the pages' own configuration
            answer = technician.post("/registry/new", {**FORM, "kiosk_id": name})
            said = pages.app.state.site.words.word(language, "registry.error_own_name")
            assert (answer.status_code, said in unescape(answer.text)) == (422, True)
            assert 'id="kiosk_id-error"' in answer.text
    assert centre.kiosks() == []


def test_a_row_from_before_gets_no_certificate_and_keeps_its_token(centre: Centre) -> None:
    """A registry of an older version may hold such a row."""
    with centre.engine.execution_options(writes=True).begin() as db:
        registry.create(db, a_draft(kiosk_id="monitor-1", number=1), who="x", now_ms=NOW_MS)
        token = tokens.make(db, "monitor-1", b"x" * 32, who="x", now_ms=NOW_MS)
    issuer = an_issuer(centre, own_names=frozenset(OWN))
    with pytest.raises(Refused, match="a name of the centre itself") as refused:
        issuer.enrol(Enrol(token=token, csr=make_csr()[1]), NOW_MS)
    assert refused.value.status == 403
    with pytest.raises(Refused, match="a name of the centre itself"):
        issuer.renew("monitor-1-hb", make_csr()[1], NOW_MS)
    with centre.engine.connect() as db:
        assert certificates.of_kiosk(db, "monitor-1") == []
        assert [held.used_ms for held in tokens.of_kiosk(db, "monitor-1")] == [None]


def test_nobody_renews_a_certificate_that_was_made_by_hand(centre: Centre) -> None:
    assert centre.client_cert("monitor-2").exit_code == 0
    with pytest.raises(Refused, match="a name of the centre itself"):
        an_issuer(centre).renew("monitor-2", make_csr()[1], NOW_MS)


def test_a_kiosk_of_the_registry_enrols_and_renews(centre: Centre) -> None:
    assert centre.add("kz-1").exit_code == 0
    issuer = an_issuer(centre, own_names=frozenset(OWN))
    with centre.engine.execution_options(writes=True).begin() as db:
        token = tokens.make(db, "kz-1", b"x" * 32, who="x", now_ms=NOW_MS)
    assert issuer.enrol(Enrol(token=token, csr=make_csr()[1]), NOW_MS).kiosk_id == "kz-1"
    assert issuer.renew("kz-1", make_csr()[1], NOW_MS).kiosk_id == "kz-1"


def test_a_kiosk_that_is_registered_while_its_certificate_is_made_by_hand_keeps_its_name(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = ca.Authority.client_pair

    def slow(authority: ca.Authority, name: str, now_s: int, days: int) -> object:
        with centre.engine.execution_options(writes=True).begin() as db:
            registry.create(db, a_draft(kiosk_id=name, number=1), who="x", now_ms=NOW_MS)
        return pair(authority, name, now_s, days)

    monkeypatch.setattr(ca.Authority, "client_pair", slow)
    refused = centre.client_cert("kz-1")
    assert refused.exit_code != 0
    assert "give it a token" in refused.stderr
    assert not (centre.folder / "kz-1.key").exists()


def test_what_is_barred_is_the_same_for_one_name_and_for_a_sheet(centre: Centre) -> None:
    with centre.engine.execution_options(writes=True).begin() as db:
        for number, name in enumerate(("kz-1", "kz-2"), 1):
            registry.create(db, a_draft(kiosk_id=name, number=number), who="x", now_ms=NOW_MS)
        for serial, name in (("1a", "kz-1"), ("2b", "monitor-2"), ("3c", "monitor-2")):
            certificates.keep(db, a_certificate(serial=serial, kiosk_id=name))
        barred = names.barred(db, ("monitor-1",))
        assert barred == {"monitor-1", "monitor-2"}
        for name in ("kz-1", "kz-2", "kz-3"):
            names.demand_free(db, name, ("monitor-1",))
        for name in barred:
            with pytest.raises(NameTaken):
                names.demand_free(db, name, ("monitor-1",))
        with pytest.raises(NameTaken):
            registry.create(db, a_draft(kiosk_id="monitor-2", number=9), who="x", now_ms=NOW_MS)
        with pytest.raises(RegistryError, match="line 2: monitor-1 is a name"):
            imports.judge(db, "\n".join([HEADER, LINE.format(name="monitor-1")]), ("monitor-1",))


def test_a_certificate_that_is_made_while_a_sheet_is_judged_keeps_its_name(centre: Centre) -> None:
    with centre.engine.connect() as db:
        judged = imports.judge(db, "\n".join([HEADER, LINE.format(name="monitor-2")]))
    assert centre.client_cert("monitor-2").exit_code == 0
    with (
        centre.engine.execution_options(writes=True).begin() as db,
        pytest.raises(NameTaken, match="monitor-2"),
    ):
        imports.write(db, judged, who="x", now_ms=NOW_MS)
    assert centre.kiosks() == []


def an_issuer(centre: Centre, own_names: frozenset[str] = frozenset()) -> Issuer:
    pair = ca.create("Pana test CA", NOW_MS // 1000 - 86_400)
    authority = ca.Authority(pair.cert, pair.key)
    return Issuer(engine=centre.engine, authority=authority, days=30, own_names=own_names)
