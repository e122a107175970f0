"""What a core asked for, in order, and ways to look at it."""

from dataclasses import dataclass, field
from typing import Any, Self

from kiosk.bodies import Alert, CommandResult, Event, Heartbeat
from kiosk.effects import Effect, PollReplies, PostAlert, Publish, Say, SendSms, Tell


@dataclass
class Record:
    """All effects, and the same by turn."""

    effects: list[Effect] = field(default_factory=list)
    turns: list[list[Effect]] = field(default_factory=list)

    @property
    def alert_tokens(self) -> list[str]:
        return [e.token for e in self.of(Publish) if isinstance(e.body, Alert)]

    def results(self, number: int = 1) -> list[tuple[str, str]]:
        """Give the states of a command that the centre was told, with their details."""
        bodies = [e.body for e in self.of(Publish) if isinstance(e.body, CommandResult)]
        states = [(body.state, body.detail) for body in bodies if body.command_id == f"c{number}"]
        return list(dict.fromkeys(states))

    @property
    def events(self) -> list[tuple[str, str]]:
        """Give the codes and states of the events that the centre was told, each once."""
        bodies = {e.body.event_id: e.body for e in self.of(Publish) if isinstance(e.body, Event)}
        return [(body.code, body.state) for body in bodies.values()]

    def tells(self, what: str) -> list[dict[str, Any]]:
        return [dict(e.detail) for e in self.of(Tell) if e.what == what]

    def quiet(self) -> Self:
        """Forget what was asked for so far."""
        self.effects, self.turns = [], []
        return self

    @property
    def alerts(self) -> list[Alert]:
        return [e.body for e in self.of(Publish) if isinstance(e.body, Alert)]

    @property
    def posts(self) -> list[Alert]:
        return [e.body for e in self.effects if isinstance(e, PostAlert)]

    @property
    def polls(self) -> list[PollReplies]:
        return [e for e in self.effects if isinstance(e, PollReplies)]

    @property
    def beats(self) -> list[Heartbeat]:
        return [e.body for e in self.effects if isinstance(e, Publish) and isinstance(e.body, Heartbeat)]

    @property
    def said(self) -> list[str]:
        return [e.key for e in self.effects if isinstance(e, Say)]

    @property
    def texts(self) -> list[SendSms]:
        return [e for e in self.effects if isinstance(e, SendSms)]

    @property
    def told(self) -> list[str]:
        return [e.what for e in self.effects if isinstance(e, Tell)]

    def of(self, kind: type) -> list[Any]:
        return [e for e in self.effects if isinstance(e, kind)]
