"""The centre's durable memory. Only this package knows SQL; it never decides anything."""

from kiosk.monitor.store.keeper import Store, StoreBroken

__all__ = ["Store", "StoreBroken"]
