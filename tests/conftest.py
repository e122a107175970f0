"""Parts that several suites share and pytest hands out by name."""

from fakes.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]
