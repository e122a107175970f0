"""`kiosk status`: how the running kiosk is, in words or as JSON, once or live."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from kiosk.commands.clock import duration, local_moment, local_time, utc_moment
from kiosk.commands.options import config_option, glance, json_option, lang_option
from kiosk.commands.output import console, put_json

STYLE = {"armed": "bold green", "alerting": "bold red", "faulty": "bold yellow"}
Row = tuple[str, str]


@click.command()
@config_option
@json_option
@lang_option
@click.option("--watch", is_flag=True, help="Follow what happens, until Ctrl-C or the daemon's end.")
def status(file: Path, *, as_json: bool, lang: str | None, watch: bool) -> None:
    """Tell how the running kiosk is: state, links, faults, open alarms, buttons, last figures."""
    from kiosk.check.daemon import STATUS, follow, question

    seen = glance(file)
    show = put_json if as_json else Sheet(lang or seen.language).show
    if not watch:
        show(question(seen.socket, STATUS))
        return
    with suppress(KeyboardInterrupt):  # how people end it
        for answer in follow(seen.socket, request=STATUS):
            if "what" not in answer:
                show(answer)
            elif as_json:
                put_json({**answer, "at": utc_moment(answer["at_s"])})
            else:
                click.echo(event_line(answer))


def event_line(event: dict[str, Any]) -> str:
    """Write an event as one line: time, what, and its details as key=value."""
    detail = " ".join(
        f"{key}={value}" for key, value in event.items() if key not in ("what", "t_s", "at_s") and value != ""
    )
    return f"{local_time(event['at_s'])} {event['what']} {detail}".rstrip()


class Sheet:
    """The status for people, in one language."""

    def __init__(self, language: Any) -> None:
        from kiosk.words import load_catalogue

        self._words = load_catalogue()
        self._language = language

    def show(self, state: dict[str, Any]) -> None:
        """Print one status."""
        from rich.table import Table
        from rich.text import Text

        out = console()
        name = str(state["state"])
        out.print(Text(f"{state['kiosk']}: {self._word(f'state_{name}')}", style=STYLE.get(name, "")))
        table = Table.grid(padding=(0, 2))
        for key, value in self._rows(state):
            table.add_row(Text(key, style="dim"), Text(value))
        out.print(table)

    def _word(self, key: str, **values: object) -> str:
        return self._words.word(self._language, "cli", key, **values)

    def _rows(self, state: dict[str, Any]) -> Iterator[Row]:
        reasons = state.get("reasons", {})
        faults = [
            " — ".join(filter(None, (self._words.fault(self._language, code), reasons.get(code))))
            for code in state["faults"]
        ]
        yield self._word("row_faults"), "; ".join(faults) or self._word("none")
        beat = state["heartbeat"]
        yield from self._links(state, beat.get("links", {}))
        levels = {name: self._word(f"level_{level}") for name, level in state["levels"].items()}
        yield self._word("row_inputs"), ", ".join(f"{name}: {level}" for name, level in levels.items())
        yield self._word("row_alarms"), "; ".join(map(self._alarm, state["incidents"])) or self._word("none")
        yield self._word("row_figures"), self._figures(beat)
        voice = beat.get("voice", {"mode": "off"})
        word = "voice_ok" if voice.get("ok", True) else "voice_broken"
        yield self._word("row_voice"), self._word("voice_off" if voice["mode"] == "off" else word)
        if state["unsent_events"]:
            yield self._word("row_unsent"), str(state["unsent_events"])

    def _links(self, state: dict[str, Any], links: dict[str, Any]) -> Iterator[Row]:
        mqtt = links.get("mqtt", {})
        text = self._word(f"link_{state['mqtt']}")
        if state["mqtt"] == "up":
            text += f", {mqtt.get('rtt_ms', 0)} ms"
            text += ", " + self._word("listened" if state["listened"] else "unlistened")
        yield self._word("row_mqtt"), text
        if (sms := links.get("sms")) is None:
            yield self._word("row_sms"), self._word("link_none")
            return
        parts = [self._word(f"link_{state['sms']}"), sms.get("operator", "")]
        parts += [f"{sms['signal_dbm']} dBm"] if sms.get("signal_dbm") is not None else []
        parts += [f"{sms['balance_kzt']:.0f} KZT"] if sms.get("balance_kzt") is not None else []
        yield self._word("row_sms"), ", ".join(part for part in parts if part)

    def _alarm(self, incident: dict[str, Any]) -> str:
        stage, kind = (self._word(f"{key}_{incident[key]}") for key in ("stage", "kind"))
        moment = local_moment(incident["pressed_utc_ms"] / 1000)
        return f"{kind} ({incident['button']}), {moment}: {stage}"

    def _figures(self, beat: dict[str, Any]) -> str:
        board = beat.get("board", {})
        figures = [
            ("temp", board.get("temp_c")),
            ("disk", board.get("disk_free_mb")),
            ("memory", board.get("mem_free_mb")),
            ("certificate", beat.get("cert_days_left")),
        ]
        parts = [self._word(f"figure_{name}", value=value) for name, value in figures if value is not None]
        parts.append(self._word(f"clock_{beat.get('clock', 'unsynced')}"))
        parts.append(self._word(f"power_{beat.get('power', 'unknown')}"))
        return ", ".join([self._word("figure_uptime", value=duration(beat["uptime_s"])), *parts])
