"""The centre for Prometheus: every metric's name, meaning and labels, in one place.

Labels are bounded: region, life, kind, stage, door, state. Never a kiosk's id, a place or a person.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from kiosk.monitor.figures import BOUNDS_S
from kiosk.monitor.regions import CODES
from kiosk.monitor.store.gauges import Gauges

KINDS, STAGES = ("press", "tamper", "drill"), ("received", "accepted", "en_route", "on_scene")
DOORS, TEXT_STATES = ("mqtt", "https", "sms"), ("planned", "sent", "failed")
LIVES = ("online", "silent", "stopped", "new")
NOWHERE = "none"  # the region of kiosks that no registry places
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Centre(Collector):
    """One scrape: what the database holds, and what the running core says of itself (None: it is away)."""

    def __init__(self, version: str, found: Gauges | None, status: Mapping[str, Any] | None) -> None:
        self._version = version
        self._found = found
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Give every metric family; a part that is away leaves its own out."""
        yield InfoMetricFamily("pana_centre_build", "Which program this is.", {"version": self._version})
        yield _one("pana_store_up", "Whether the pages can read the database.", self._found is not None)
        yield _one("pana_core_up", "Whether the centre's core answers.", self._status is not None)
        if self._found is not None:
            yield from _stored(self._found)
        if self._status is not None:
            yield from _core(self._status)


def expose(centre: Centre) -> bytes:
    """Write one scrape in Prometheus' text format 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(centre)
    return generate_latest(registry)


def _one(name: str, help_: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_, value=float(value))


def _stored(found: Gauges) -> Iterator[Metric]:
    yield from _fleet(found)
    alerts = GaugeMetricFamily("pana_alerts_open", "Open alerts.", labels=("kind", "stage"))
    for kind in KINDS:
        for stage in STAGES:
            alerts.add_metric((kind, stage), found.alerts.get((kind, stage), 0))
    yield alerts
    oldest = "Age of the oldest open alert, drills left out; 0 without one."
    yield _one("pana_alert_open_age_seconds", oldest, found.oldest_open_s)
    waiting = "Age of the oldest alert that nobody has accepted, drills left out; 0 without one."
    yield _one("pana_alert_unaccepted_age_seconds", waiting, found.oldest_unaccepted_s)
    texts = GaugeMetricFamily(
        "pana_sms",
        "SMS of the centre in the store; without those that were no longer needed.",
        labels=("state",),
    )
    for state in TEXT_STATES:
        texts.add_metric((state,), found.texts.get(state, 0))
    yield texts
    ending = "Names whose newest certificate ends within 30 days or has ended."
    yield _one("pana_certificates_expiring", ending, found.certificates_expiring)


def _fleet(found: Gauges) -> Iterator[Metric]:
    kiosks = GaugeMetricFamily("pana_kiosks", "Kiosks by region and life.", labels=("region", "life"))
    faulty = GaugeMetricFamily("pana_kiosks_faulty", "Kiosks online with a fault.", labels=("region",))
    twins = GaugeMetricFamily("pana_kiosks_twins", "Names that two devices use.", labels=("region",))
    for code in (*CODES, NOWHERE):
        region = found.regions.get(code if code != NOWHERE else "--")
        for life in LIVES:
            kiosks.add_metric((code, life), getattr(region, life) if region else 0)
        faulty.add_metric((code,), region.faulty if region else 0)
        twins.add_metric((code,), region.twins if region else 0)
    yield from (kiosks, faulty, twins)


def _core(status: Mapping[str, Any]) -> Iterator[Metric]:
    figures = status["figures"]
    yield _one("pana_link_up", "Whether the centre hears its broker.", status["link"])
    yield _one("pana_on_duty", "Whether the centre says that somebody is on duty.", status["on_duty"])
    yield _one("pana_store_writable", "Whether the last commit was taken.", not status["store_fault"])
    yield _one("pana_queue_length", "Messages that wait in the core.", figures["queue"])
    yield _count("pana_heartbeats", "Heartbeats taken in.", figures["heartbeats"])
    yield _count("pana_messages_refused", "Messages that could not be used.", figures["refused"])
    yield _count("pana_commits", "Commits of the core.", figures["commits"])
    yield _count("pana_commits_failed", "Commits that the store refused.", figures["commits_failed"])
    doors = CounterMetricFamily("pana_alert_messages", "Alerts taken in, repeats too.", labels=("door",))
    for door in DOORS:
        doors.add_metric((door,), figures["alerts"].get(door, 0))
    yield doors
    bounds = [*(str(bound) for bound in BOUNDS_S), "+Inf"]
    receipts = HistogramMetricFamily(
        "pana_alert_receipt_seconds",
        "From an alert's coming in to its receipt's going out.",
        buckets=[(bound, float(count)) for bound, count in zip(bounds, figures["receipts"], strict=True)],
        sum_value=figures["receipts_sum_s"],
    )
    yield receipts


def _count(name: str, help_: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, help_, value=value)
