"""Which modelled part carries out which effect of a monitor. Pure.

It stands where `kiosk.monitor.crew` stands on a real one.
"""

from collections import Counter
from typing import Protocol, assert_never

from kiosk import wire
from kiosk.bodies import AlertId
from kiosk.effects import Tell
from kiosk.monitor import effects as do
from kiosk.monitor import messages
from kiosk.monitor.desk import Desk
from kiosk.monitor.effects import FleetEffect
from kiosk.monitor.fleet import Fleet
from kiosk.simulate.net.texter import Texter
from kiosk.simulate.net.uplink import Uplink


class Hands(Protocol):
    """What a monitor does its work with."""

    saves: list[do.Save]
    uplink: Uplink
    desk: Desk
    texter: Texter


def carry_out(hands: Hands, effect: FleetEffect) -> None:
    """Carry one effect out; a Save waits for the turn's one commit."""
    match effect:
        case do.Save():
            hands.saves.append(effect)
        case do.SendReply(kiosk_id, reply):
            taken = messages.ReplyTaken(AlertId(reply.alert_id), reply.stage)
            hands.uplink.send(wire.topic(kiosk_id, "ack", reply.alert_id), wire.encode(reply), taken)
        case do.SendCommand(kiosk_id, command):
            hands.uplink.send(wire.topic(kiosk_id, "cmd", command.command_id), wire.encode(command))
        case do.Acknowledge(receipt):
            hands.uplink.acknowledge(receipt)
        case do.Announce(on_duty):
            hands.uplink.announce(on_duty=on_duty)
        case do.Answer():
            hands.desk.answer(effect)
        case do.SendText(text, number, body):
            hands.texter.send(text, number, body)
        case do.Show() | do.ShowKiosk() | Tell():
            pass
        case _:
            assert_never(effect)


def sizes_of(fleet: Fleet) -> dict[str, int]:
    """Count what a fleet keeps and owes: it tells nobody else."""
    texts = [job.text for job in fleet._staff._outbox._jobs.values()]  # noqa: SLF001
    pages = Counter((text.alert_id, text.to) for text in texts if text.kind == "page")
    return {
        "unsaved": len(fleet._ledger._unsaved),  # noqa: SLF001
        "texts": len(texts),
        "pages of one": max(pages.values(), default=0),
        "untold": len(fleet.caseload._untold._owed),  # noqa: SLF001
    }
