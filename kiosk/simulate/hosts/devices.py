"""Which modelled device carries out which effect of a kiosk, for one life of its process. Pure.

It stands where `kiosk.dispatch` and `kiosk.devices` stand on a real one.
"""

from typing import Protocol, assert_never

from kiosk import effects as do
from kiosk.config import Https
from kiosk.effects import Effect
from kiosk.messages import (
    BoardRead,
    CertificateRead,
    CertificateRenewed,
    KioskEvent,
    LinkFell,
    VoiceRefreshed,
)
from kiosk.simulate import places
from kiosk.simulate.hosts import speaker
from kiosk.simulate.hosts.disk import Disk, Journal
from kiosk.simulate.hosts.pins import Board, Pins
from kiosk.simulate.hosts.speaker import Speaker
from kiosk.simulate.net.door import HttpsWorker
from kiosk.simulate.net.link import KioskLink
from kiosk.simulate.net.modem import Modem
from kiosk.site import Site

OPEN_PINS_S = 0.05


class Carrier(Board, Protocol):
    """The kiosk that devices belong to."""

    kiosk_id: str
    life: int
    mono_offset_s: float
    disk: Disk
    pins: Pins

    @property
    def utc_ms(self) -> int:
        """Give its wall time."""

    def sounded(self, key: str) -> None:
        """A sentence began to sound."""


class Devices:
    """The devices of one life; nothing of them is heard after `die`."""

    def __init__(self, box: Carrier, site: Site) -> None:
        around, who, config = box.around, box.who, site.config
        name = f"{who}.{box.life}"
        self._box = box
        self._alive = True
        self._link = KioskLink(
            around.net, around.broker, self.post, config=config.mqtt, kiosk_id=box.kiosk_id,
            stretch=f"mqtt:{who}", dice=around.dice(f"mqtt{name}"), utc_ms=lambda: box.utc_ms,
        )  # fmt: skip
        self._link.mono_offset_s = box.mono_offset_s
        self._https = self._doors = None
        if config.https is not None:
            https = config.https
            self._https, self._doors = (self._door(https, f"{which}{name}") for which in ("post", "poll"))
        self.modem = None
        if config.sms is not None:
            self.modem = Modem(
                around.agenda, around.weather, around.gsm, self.post, who=who,
                number=places.sim_of(box.number), dice=around.dice(f"modem{name}"),
                send_max_s=config.sms.send_deadline_s,
            )  # fmt: skip
        self.journal = Journal(around.agenda, box.disk, self.post)
        self._voice = Speaker(
            around.agenda, around.weather, self.post, rules=speaker.rules_of(config, around.words), who=who,
            dice=around.dice(f"voice{name}"), sounds=self._sounds,
        )  # fmt: skip
        self.jobs_max = 0

    def _door(self, https: Https, name: str) -> HttpsWorker:
        around = self._box.around
        return HttpsWorker(
            around.agenda, around.weather, self.post, doors=around.doors, peer=self._box.kiosk_id,
            stretch=f"https:{self._box.who}", dice=around.dice(name),
            deadline_s=https.deadline_s,
        )  # fmt: skip

    def _sounds(self, key: str) -> None:
        self._box.sounded(key)

    def post(self, event: KioskEvent) -> None:
        """Hand an event to the core of this life."""
        if self._alive:
            self._box.post(event)

    def start(self) -> None:
        """Arm the inputs and load the journal."""
        self._box.around.agenda.after(OPEN_PINS_S, lambda: self._box.pins.open() if self._alive else None)
        self.journal.load()

    def die(self, *, power: bool, lucky: bool) -> None:
        """End at once, with the process or the power."""
        self._let_go()
        self._link.die(vanish=power)
        self.journal.die(power=power, lucky=lucky)

    def finish(self) -> None:
        """End in order."""
        self._let_go()
        self._link.close()
        self.journal.finish()

    def _let_go(self) -> None:
        self._alive = False
        self._box.pins.shut()
        self._voice.die()
        if self.modem is not None:
            self.modem.end()
        for door in (self._https, self._doors):
            if door is not None:
                door.die()

    # ---- one effect

    def carry_out(self, effect: Effect) -> None:
        """Carry one effect out."""
        match effect:
            case do.Publish(token, body):
                self._link.publish(token, body)
            case do.OpenMqtt(boot):
                self._link.open(boot)
            case do.DropMqtt(reason):
                self._link.drop(reason)
            case do.PostAlert() | do.PollReplies() | do.ProbeHttps() | do.RenewCertificate():
                self._to_door(effect)
            case do.SendSms() | do.OpenModem() | do.PollModem() | do.CyclePower():
                self._to_modem(effect)
            case do.Say() | do.Hush() | do.ProbeVoice() | do.RefreshVoice():
                self._to_voice(effect)
            case do.Light() | do.ReadInputs() | do.OpenInput() | do.ReadBoard() | do.Save():
                self._to_board(effect)
            case do.Tell() | do.Answer() | do.Stop():
                pass
            case do.RequestUpdate() | do.LookForUpdate() | do.ForgetUpdate():
                pass  # new versions are not simulated: another one would have to be run
            case _:
                assert_never(effect)

    def _to_door(self, effect: do.PostAlert | do.PollReplies | do.ProbeHttps | do.RenewCertificate) -> None:
        if self._https is None or self._doors is None:
            return
        match effect:
            case do.PostAlert(token, body):
                self._https.post(token, body)
            case do.PollReplies(token=token, alert_id=alert_id, after=after):
                self._doors.poll(token, alert_id, after)
            case do.ProbeHttps(token):
                self._doors.probe(token)
            case do.RenewCertificate():
                self._later(2.0, CertificateRenewed())
                self._later(2.0, CertificateRead(360, 365))
            case _:
                assert_never(effect)

    def _to_modem(self, effect: do.SendSms | do.OpenModem | do.PollModem | do.CyclePower) -> None:
        modem = self.modem
        if modem is None:
            self._later(0.01, LinkFell("sms", "no [sms] in the configuration"))
            return
        match effect:
            case do.SendSms(token=token, number=number, text=text):
                modem.send(token, number, text)
            case do.OpenModem(reset):
                modem.open(reset)
            case do.PollModem(what):
                modem.poll(what)
            case do.CyclePower(off_s):
                modem.cycle(off_s)
            case _:
                assert_never(effect)

    def _to_voice(self, effect: do.Say | do.Hush | do.ProbeVoice | do.RefreshVoice) -> None:
        match effect:
            case do.Say(key, cut):
                self._voice.say(key, cut=cut)
            case do.Hush():
                self._voice.hush()
            case do.ProbeVoice():
                self._voice.probe()
            case do.RefreshVoice():
                self._later(5.0, VoiceRefreshed(""))
            case _:
                assert_never(effect)

    def _to_board(self, effect: do.Light | do.ReadInputs | do.OpenInput | do.ReadBoard | do.Save) -> None:
        match effect:
            case do.Light():
                pass
            case do.ReadInputs():
                self._box.pins.read()
            case do.OpenInput(name):
                self._box.pins.reopen(name)
            case do.ReadBoard():
                self.post(self._board())
            case do.Save(snapshot):
                self.journal.save(snapshot)
            case _:
                assert_never(effect)

    def _board(self) -> BoardRead:
        synced = not self._box.around.weather.has(f"clock:{self._box.who}", "unsynced")
        return BoardRead(
            temp_c=50, under_voltage=False, throttled=False, disk_free_mb=9000, mem_free_mb=500,
            clock_synced=synced,
        )  # fmt: skip

    def _later(self, in_s: float, event: KioskEvent) -> None:
        self._box.around.agenda.after(in_s, lambda: self.post(event))
