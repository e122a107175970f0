"""Measure the README's figures: `make bench`, or `python -m bench [NAME …]`; exit 1 when a goal is missed."""

import sys
from importlib import import_module

from bench.rows import Row, show

NAMES = (
    "armed", "mqtt_latency", "press_path", "sms_path", "voice", "idle",
    "mqtt_clients", "ingest", "storm", "fleet100k", "reconnect", "pages", "fleet_bundles",
)  # fmt: skip


def main(names: list[str]) -> int:
    rows: list[Row] = []
    for name in names or NAMES:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        rows += import_module(f"bench.{name}").run()
    print(show(rows))
    return 1 if any(row.ok is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
