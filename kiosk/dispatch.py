"""Which worker carries out which effect, and what waits in vain: one page, one match. Decides nothing."""

from collections.abc import Callable
from typing import assert_never

from kiosk import effects as do
from kiosk.bodies import Alert, Heartbeat, Token
from kiosk.devices import Devices
from kiosk.effects import Effect
from kiosk.messages import HttpsFailed, KioskEvent, Pattern, PublishFailed, SmsFailed, UpdateRefused

Local = do.Tell | do.Answer | do.Stop


class Dispatch:
    """Hands effects to the devices' workers; what concerns no device goes to `local`."""

    def __init__(self, devices: Devices, local: Callable[[Local], None]) -> None:
        self._devices = devices
        self._local = local
        self._pattern: Pattern | None = None

    def carry_out(self, effect: Effect) -> None:
        """Hand one effect over; never blocks."""
        match effect:
            case do.Publish() | do.OpenMqtt() | do.DropMqtt():
                self._mqtt(effect)
            case do.PostAlert() | do.PollReplies() | do.ProbeHttps() | do.RenewCertificate():
                self._https(effect)
            case do.SendSms() | do.OpenModem() | do.PollModem() | do.CyclePower():
                self._modem(effect)
            case do.Say() | do.Hush() | do.ProbeVoice() | do.RefreshVoice():
                self._voice(effect)
            case do.Light() | do.ReadInputs() | do.OpenInput() | do.ReadBoard() | do.Save():
                self._board(effect)
            case do.RequestUpdate() | do.LookForUpdate() | do.ForgetUpdate():
                self._update(effect)
            case do.Tell() | do.Answer() | do.Stop():
                self._local(effect)
            case _:
                assert_never(effect)

    def _mqtt(self, effect: do.Publish | do.OpenMqtt | do.DropMqtt) -> None:
        mqtt = self._devices.mqtt
        match effect:
            case do.Publish(token, body):

                def failed(reason: str) -> KioskEvent | None:
                    # it is taken for lost now, but may be connected: only a new connection tells
                    mqtt.submit(lambda link: link.drop(reason), newest="drop")
                    return PublishFailed(token, reason) if isinstance(body, Alert) else None

                newest = "hb" if isinstance(body, Heartbeat) else ""
                mqtt.at_once(lambda link: link.publish(token, body), newest=newest, failed=failed)
            case do.OpenMqtt(boot):
                mqtt.submit(lambda link: link.open(boot))
            case do.DropMqtt(reason):
                mqtt.submit(lambda link: link.drop(reason))
            case _:
                assert_never(effect)

    def _https(self, effect: do.PostAlert | do.PollReplies | do.ProbeHttps | do.RenewCertificate) -> None:
        devices = self._devices
        match effect:
            case do.PostAlert(token, body):
                devices.https.submit(lambda door: door.post(token, body), failed=_no_answer(token))
            case do.PollReplies(token=token, alert_id=alert_id, after=after):
                devices.https_poll.submit(
                    lambda door: door.poll(token, alert_id, after), newest="poll", failed=_no_answer(token)
                )
            case do.ProbeHttps(token):
                devices.https_poll.submit(
                    lambda door: door.probe(token), newest="probe", failed=_no_answer(token)
                )
            case do.RenewCertificate():
                devices.renew.submit(devices.renew_certificate, newest="renew")
            case _:
                assert_never(effect)

    def _modem(self, effect: do.SendSms | do.OpenModem | do.PollModem | do.CyclePower) -> None:
        sms = self._devices.sms
        match effect:
            case do.SendSms(token=token, number=number, text=text):
                sms.submit(
                    lambda modem: modem.send(token, number, text),
                    failed=lambda reason: SmsFailed(token, reason),
                )
            case do.OpenModem(reset):
                sms.submit(lambda modem: modem.open(reset), newest="open")
            case do.PollModem(what):
                sms.submit(lambda modem: modem.poll(what), newest=what)
            case do.CyclePower(off_s):
                sms.submit(lambda _: self._devices.cycle_modem_power(off_s))
            case _:
                assert_never(effect)

    def _voice(self, effect: do.Say | do.Hush | do.ProbeVoice | do.RefreshVoice) -> None:
        voice = self._devices.voice
        match effect:
            case do.Say(key, cut):
                voice.submit(lambda speaker: speaker.say(key, cut=cut))
            case do.Hush():
                voice.submit(lambda speaker: speaker.hush())
            case do.ProbeVoice():
                voice.submit(lambda speaker: speaker.probe(), newest="probe")
            case do.RefreshVoice():
                self._devices.render.submit(self._devices.render_clips, newest="render")
            case _:
                assert_never(effect)

    def _board(self, effect: do.Light | do.ReadInputs | do.OpenInput | do.ReadBoard | do.Save) -> None:
        devices = self._devices
        match effect:
            case do.Light(pattern):
                self._pattern = pattern
                self._show(pattern)
            case do.ReadInputs():
                devices.inputs.submit(lambda inputs: inputs.read(), newest="read")
            case do.OpenInput(name):
                devices.inputs.submit(lambda inputs: inputs.reopen(name), newest=f"open {name}")
            case do.ReadBoard():
                devices.board.submit(lambda board: board.read(), newest="read")
                devices.board.submit(lambda _: devices.look_at_papers(), newest="papers")
                if self._pattern is not None:  # told once: a lamp that failed stays dark unless asked again
                    self._show(self._pattern)
            case do.Save(snapshot):
                # one with other stages waits beside it: the history has a line for each
                stages = " ".join(f"{kept.alert_id}={kept.stage}" for kept in snapshot.incidents)
                devices.journal.submit(lambda journal: journal.save(snapshot), newest=f"save {stages}")
            case _:
                assert_never(effect)

    def _show(self, pattern: Pattern) -> None:
        self._devices.lamp.submit(lambda lamp: lamp.show(pattern), newest="show")

    def _update(self, effect: do.RequestUpdate | do.LookForUpdate | do.ForgetUpdate) -> None:
        updates = self._devices.updates
        match effect:
            case do.RequestUpdate(request):
                updates.submit(
                    lambda folder: folder.request(request),
                    failed=lambda reason: UpdateRefused(request.command_id, reason),
                )
            case do.LookForUpdate():
                updates.submit(lambda folder: folder.look(), newest="look")
            case do.ForgetUpdate(update_id):
                updates.submit(lambda folder: folder.forget(update_id))
            case _:
                assert_never(effect)


def _no_answer(token: Token) -> Callable[[str], KioskEvent]:
    return lambda reason: HttpsFailed(token, reason)
