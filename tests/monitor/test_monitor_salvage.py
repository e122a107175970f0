"""What a commit gives up, and how the log names it."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from kiosk.monitor.records import StoreEvent, StoreKiosk, StoreSpan
from kiosk.monitor.store import salvage

EVENT: Any = StoreEvent(SimpleNamespace(kiosk_id="kz-1", event_id="e1"))  # type: ignore[arg-type]
KIOSK: Any = StoreKiosk(SimpleNamespace(kiosk_id="kz-1"))  # type: ignore[arg-type]
SPAN: Any = StoreSpan(SimpleNamespace(kiosk_id="kz-1", begins_s=300))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (EVENT, "event kiosk=kz-1 event=e1"),
        (KIOSK, "kiosk kiosk=kz-1"),
        (SPAN, "span kiosk=kz-1 begins_s=300"),
        ("else", "str"),
    ],
)
def test_what_is_dropped_is_named(change: Any, name: str) -> None:
    assert salvage._name(change) == name


def test_nothing_to_write_writes_nothing() -> None:
    salvage.write_telemetry(None, (), lambda _: pytest.fail("nothing was to be written"))  # type: ignore[arg-type]


def test_only_the_row_that_is_refused_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    kept: list[Any] = []

    def write(changes: Any) -> None:
        if SPAN in changes:
            raise OverflowError
        kept.extend(changes)

    connection: Any = SimpleNamespace(begin_nested=nullcontext)
    salvage.write_telemetry(connection, (EVENT, SPAN, KIOSK), write)
    assert kept == [EVENT, KIOSK]
    assert "dropped=span kiosk=kz-1 begins_s=300" in caplog.text
    assert all(map(salvage.is_telemetry, (EVENT, SPAN, KIOSK)))
