"""When the certificate is renewed, in virtual time."""

from fakes.virtual_kiosk import DOORS, VirtualKiosk, example_config

from kiosk.effects import RenewCertificate
from kiosk.messages import CertificateRead, CertificateRenewed, Woken
from kiosk.renewal import DAY_S, FIRST_WITHIN_S, HOUR_S, OUTCOME_MAX_S, URGENT_WITHIN_S


def kiosk(days_left: int, life_days: int = 90) -> VirtualKiosk:
    virtual = VirtualKiosk(config=example_config(https=DOORS)).start().board().online()
    virtual.feed(CertificateRead(days_left, life_days))
    return virtual


def later(virtual: VirtualKiosk, seconds: float) -> None:
    """Let time pass in one turn: a day of heartbeats would prove nothing more."""
    virtual.sleep(seconds)
    virtual.feed(Woken())


def renewals(virtual: VirtualKiosk) -> int:
    return len(virtual.of(RenewCertificate))


def test_it_is_renewed_in_its_last_third_and_not_before() -> None:
    young, old = kiosk(31), kiosk(30)
    for virtual in (young, old):
        later(virtual, FIRST_WITHIN_S)
    assert (renewals(young), renewals(old)) == (0, 1)


def test_a_life_that_is_not_known_or_a_site_without_doors_renews_nothing() -> None:
    unknown = kiosk(1, 0)
    alone = VirtualKiosk().start().board()
    alone.feed(CertificateRead(1, 90))
    for virtual in (unknown, alone):
        later(virtual, FIRST_WITHIN_S)
        assert renewals(virtual) == 0


def test_it_comes_sooner_the_less_is_left_and_is_asked_for_once() -> None:
    virtual = kiosk(13)
    virtual.feed(CertificateRead(13, 90))
    later(virtual, URGENT_WITHIN_S)
    virtual.feed(CertificateRead(13, 90))
    assert renewals(virtual) == 1


def test_a_renewal_that_failed_is_a_fault_and_tried_daily_then_hourly() -> None:
    virtual = kiosk(30)
    later(virtual, FIRST_WITHIN_S)
    virtual.feed(CertificateRenewed("status 503"))
    assert "cert_renewal_failed" in virtual.faults
    later(virtual, 0.5 * DAY_S)
    assert renewals(virtual) == 1
    later(virtual, 0.7 * DAY_S)
    assert renewals(virtual) == 2
    virtual.feed(CertificateRead(13, 90))
    virtual.feed(CertificateRenewed("status 503"))
    later(virtual, 1.2 * HOUR_S)
    assert renewals(virtual) == 3
    virtual.feed(CertificateRenewed())
    virtual.feed(CertificateRead(90, 90))
    assert not {"cert_renewal_failed", "cert_expiring"} & set(virtual.faults)
    later(virtual, 2 * DAY_S)
    assert renewals(virtual) == 3


def test_no_outcome_is_a_failure_too() -> None:
    virtual = kiosk(30)
    later(virtual, FIRST_WITHIN_S)
    later(virtual, OUTCOME_MAX_S)
    assert "cert_renewal_failed" in virtual.faults


def test_nothing_is_renewed_while_an_incident_is_open() -> None:
    virtual = kiosk(5)
    virtual.press()
    virtual.reply("received")
    later(virtual, HOUR_S)
    assert renewals(virtual) == 0
    virtual.reply("closed")
    later(virtual, HOUR_S)
    assert renewals(virtual) == 1


def test_a_certificate_that_ends_within_a_fortnight_is_a_fault() -> None:
    assert "cert_expiring" in kiosk(13).faults
    assert "cert_expiring" not in kiosk(14).faults
