"""Parts that several suites share and pytest hands out by name."""

import signal

from fakes.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


def pytest_configure() -> None:
    """Hear Ctrl-C: a shell starts its background jobs deaf to it, and every child would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
