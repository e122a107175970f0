"""The simulated MQTT link keeps the real one's rules."""

import random

from fakes.mqtt_bench import KIOSK, alert, event, mqtt_config

from kiosk.bodies import Token
from kiosk.messages import KioskEvent, LinkFell, LinkRose, Published, PublishFailed
from kiosk.net.outbox import ROOM
from kiosk.net.session import Limits
from kiosk.simulate.agenda import Agenda
from kiosk.simulate.dice import Dice
from kiosk.simulate.net import link as simulated
from kiosk.simulate.net.broker import Broker, Client, Letter
from kiosk.simulate.net.link import KioskLink
from kiosk.simulate.net.pipe import Net, Pipe
from kiosk.simulate.weather import Weather


class MuteBroker(Broker):
    """Takes every publish and acknowledges none while `mute`; its pings go on."""

    mute = False

    def publish(self, pipe: Pipe, client: Client, letter: Letter, *, retain: bool = False) -> None:
        if self.mute:
            pipe.heard_s = self._net.agenda.now_s
        else:
            super().publish(pipe, client, letter, retain=retain)


def test_its_limits_are_the_real_ones() -> None:
    limits = Limits()
    assert limits.ack_s == simulated.ACK_S
    assert limits.mute_s == simulated.MUTE_S
    assert limits.stable_s == simulated.STABLE_S
    assert simulated.ROOM == ROOM


def test_a_broker_that_answers_pings_but_acknowledges_nothing_is_left() -> None:
    agenda, events = Agenda(), list[KioskEvent]()
    net = Net(agenda, Weather(agenda))
    broker = MuteBroker(net, Dice(random.Random(1), calm=True))
    link = KioskLink(
        net, broker, events.append, config=mqtt_config(1883), kiosk_id=KIOSK, stretch="mqtt:k1",
        dice=Dice(random.Random(2), calm=True), utc_ms=lambda: 0,
    )  # fmt: skip
    link.open(1)
    agenda.run(10.0)
    broker.mute = True
    link.publish(Token("event"), event())
    link.publish(Token("alert"), alert())
    agenda.run(39.9)
    assert not [one for one in events if isinstance(one, LinkFell)]
    agenda.run(41.0)
    broker.mute = False
    agenda.run(60.0)
    assert [one for one in events if isinstance(one, LinkFell)] == [LinkFell("mqtt", "no PUBACK for 30 s")]
    assert [one.token for one in events if isinstance(one, PublishFailed)] == ["event", "alert"]
    assert len([one for one in events if isinstance(one, LinkRose)]) == 2
    link.publish(Token("again"), alert())
    agenda.run(62.0)
    assert [one.token for one in events if isinstance(one, Published)] == ["again"]
