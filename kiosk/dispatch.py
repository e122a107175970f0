"""Which worker carries out which effect, and what waits in vain: one page, one match. Decides nothing."""

from collections.abc import Callable
from typing import assert_never

from kiosk import effects as do
from kiosk.bodies import Alert, Heartbeat
from kiosk.devices import Devices
from kiosk.effects import Effect
from kiosk.messages import KioskEvent, PublishFailed, SmsFailed

Local = do.Tell | do.Answer | do.Stop


class Dispatch:
    """Hands effects to the devices' workers; what concerns no device goes to `local`."""

    def __init__(self, devices: Devices, local: Callable[[Local], None]) -> None:
        self._devices = devices
        self._local = local

    def carry_out(self, effect: Effect) -> None:
        """Hand one effect over; never blocks."""
        match effect:
            case do.Publish() | do.OpenMqtt() | do.DropMqtt():
                self._mqtt(effect)
            case do.SendSms() | do.OpenModem() | do.PollModem() | do.CyclePower():
                self._modem(effect)
            case do.Say() | do.Hush() | do.ProbeVoice() | do.RefreshVoice():
                self._voice(effect)
            case do.Light() | do.ReadInputs() | do.OpenInput() | do.ReadBoard() | do.Save():
                self._board(effect)
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
                devices.lamp.submit(lambda lamp: lamp.show(pattern), newest="show")
            case do.ReadInputs():
                devices.inputs.submit(lambda inputs: inputs.read(), newest="read")
            case do.OpenInput(name):
                devices.inputs.submit(lambda inputs: inputs.reopen(name), newest=f"open {name}")
            case do.ReadBoard():
                devices.board.submit(lambda board: board.read(), newest="read")
            case do.Save(snapshot):
                devices.journal.submit(lambda journal: journal.save(snapshot), newest="save")
            case _:
                assert_never(effect)
