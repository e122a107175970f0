"""Names, with a DNS that answers, fails, is silent or lies."""

import threading
from collections.abc import Sequence

import pytest
from fakes.mqtt_bench import PATIENCE_S

from kiosk.messages import LinkDown
from kiosk.net.names import Names, system_resolve


class Dns:
    """A resolver with fault knobs."""

    def __init__(self) -> None:
        self.addresses: Sequence[str] = ("192.0.2.1", "192.0.2.2")
        self.error: Exception | None = None
        self.talks = threading.Event()
        self.talks.set()
        self.asked = 0
        self.heard = threading.Event()

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        self.heard.set()
        self.talks.wait()
        if self.error:
            raise self.error
        return self.addresses


def test_an_address_needs_no_dns() -> None:
    dns = Dns()
    assert Names(dns).addresses("127.0.0.1", 1) == ("127.0.0.1",)
    assert dns.asked == 0


def test_every_address_of_a_name_is_given() -> None:
    assert Names(Dns()).addresses("broker", 1) == ("192.0.2.1", "192.0.2.2")


def test_a_silent_dns_costs_its_deadline_and_no_more() -> None:
    dns = Dns()
    dns.talks.clear()
    names = Names(dns, deadline_s=0.01)
    try:
        for _ in range(5):
            with pytest.raises(LinkDown, match="no answer from DNS"):
                names.addresses("broker", 1)
        assert dns.heard.wait(PATIENCE_S)
        assert dns.asked == 1, "a hanging question must not be asked again and again"
    finally:
        dns.talks.set()


def test_the_last_good_answer_serves_while_dns_is_silent_or_fails() -> None:
    dns = Dns()
    names = Names(dns, deadline_s=PATIENCE_S)
    good = names.addresses("broker", 1)
    dns.error = OSError("gone")
    assert names.addresses("broker", 1) == good
    dns.talks.clear()
    names._deadline_s = 0.01
    try:
        assert names.addresses("broker", 1) == good
    finally:
        dns.talks.set()


@pytest.mark.parametrize("late", ["an error", "an answer"])
def test_what_dns_says_after_its_deadline_answers_no_later_question(late: str) -> None:
    dns = Dns()
    dns.talks.clear()
    names = Names(dns, deadline_s=0.01)
    dns.error = OSError("timed out") if late == "an error" else None
    with pytest.raises(LinkDown):
        names.addresses("broker", 1)
    dns.talks.set()
    names._asked["broker", 1].thread.join(PATIENCE_S)
    names._deadline_s = PATIENCE_S
    dns.addresses, dns.error = ("192.0.2.9",), None
    assert names.addresses("broker", 1) == ("192.0.2.9",)
    assert dns.asked == 2


def test_a_good_answer_that_came_late_serves_while_dns_is_silent() -> None:
    dns = Dns()
    dns.talks.clear()
    names = Names(dns, deadline_s=0.01)
    with pytest.raises(LinkDown):
        names.addresses("broker", 1)
    dns.talks.set()
    names._asked["broker", 1].thread.join(PATIENCE_S)
    dns.talks.clear()
    try:
        assert names.addresses("broker", 1) == tuple(dns.addresses)
    finally:
        dns.talks.set()


def test_what_one_thread_learned_serves_another_that_never_asked_before() -> None:
    """The worker of alerts asks DNS at a press only; the one of probes asked all the time."""
    dns = Dns()
    good: dict[str, tuple[str, ...]] = {}
    known = Names(dns, good=good).addresses("door", 1)
    dns.talks.clear()
    try:
        assert Names(dns, deadline_s=0.01, good=good).addresses("door", 1) == known
    finally:
        dns.talks.set()


def test_a_late_failure_takes_back_nothing_that_another_thread_learned() -> None:
    dns = Dns()
    good: dict[str, tuple[str, ...]] = {}
    names = Names(dns, deadline_s=0.01, good=good)
    dns.talks.clear()
    dns.error = OSError("timed out")
    with pytest.raises(LinkDown):
        names.addresses("door", 1)
    dns.talks.set()
    names._asked["door", 1].thread.join(PATIENCE_S)
    good["door"] = ("192.0.2.9",)
    dns.talks.clear()
    try:
        assert names.addresses("door", 1) == ("192.0.2.9",)
    finally:
        dns.talks.set()


def test_a_new_answer_replaces_the_remembered_one() -> None:
    dns = Dns()
    names = Names(dns)
    names.addresses("broker", 1)
    dns.addresses = ("192.0.2.9",)
    assert names.addresses("broker", 1) == ("192.0.2.9",)


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label empty or too long")])
def test_a_failing_name_is_a_link_that_is_down(error: Exception) -> None:
    """Pitfall 6: `a..b` raises UnicodeError in the resolver, which killed paho's thread."""
    dns = Dns()
    dns.error = error
    with pytest.raises(LinkDown, match=str(error)):
        Names(dns).addresses("a..b", 1)


def test_a_name_without_addresses_is_a_link_that_is_down() -> None:
    dns = Dns()
    dns.addresses = ()
    with pytest.raises(LinkDown, match="knows no address"):
        Names(dns).addresses("broker", 1)


def test_the_system_resolver_knows_this_machine() -> None:
    assert "127.0.0.1" in system_resolve("localhost", 1883)
    with pytest.raises(LinkDown):
        Names(deadline_s=5).addresses("a..b", 1883)
