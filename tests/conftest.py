"""Parts that several suites share and pytest hands out by name."""

import signal

from fakes.postgres import postgres_server, postgres_url
from hypothesis import HealthCheck, settings

__all__ = ["postgres_server", "postgres_url"]

# tests never assert wall-clock time: a machine that stands still for a moment is no fault of what is tested
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_configure() -> None:
    """Hear Ctrl-C: a shell starts its background jobs deaf to it, and every child would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
