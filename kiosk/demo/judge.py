"""What one played incident came to, and whether that is right. Pure."""

from dataclasses import dataclass, field
from typing import Any, Literal

from kiosk.bodies import STAGES

Accept = Literal["console", "sms", "none"]
Event = dict[str, Any]
SAYABLE = ("received", "accepted", "en_route", "on_scene", "closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is cut, when it is restored (seconds after the press), who accepts, how the shop speaks."""

    cut: tuple[str, ...] = ()
    restore_after_s: float | None = None
    accept: Accept = "console"
    voice: str = "spoken"

    @property
    def restored(self) -> bool:
        """Tell whether the networks come back within the play."""
        return bool(self.cut) and (self.restore_after_s is not None or self.accept == "sms")


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What happened so far, from the parts' own words."""

    events: list[Event] = field(default_factory=list)
    alert_id: str = ""
    at_centre: list[Event] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Note one event of the kiosk."""
        self.events.append(event)
        if event["what"] == "pressed" and not self.alert_id:
            self.alert_id = str(event["alert_id"])

    def _values(self, what: str, key: str) -> list[Any]:
        return [event[key] for event in self.events if event["what"] == what and key in event]

    @property
    def stages(self) -> list[str]:
        """Give the stages in the order in which the kiosk entered them."""
        return [event["what"] for event in self.events if event["what"] in STAGES]

    @property
    def paths(self) -> list[str]:
        """Give the paths that were tried, each once."""
        return list(dict.fromkeys(self._values("sent", "path")))

    @property
    def said(self) -> list[str]:
        """Give the prompts that sounded, each once for all languages."""
        said: list[str] = []
        for key in self._values("said", "key"):
            if not said or said[-1] != key:
                said.append(key)
        return said

    def told(self, stage: str, plan: Plan) -> bool:
        """Tell whether a stage was entered and, where the shop speaks, said."""
        return stage in (self.said if plan.voice == "spoken" else self.stages)

    @property
    def delivered(self) -> int:
        """Count how often the centre holds the alert."""
        return sum(alert["alert_id"] == self.alert_id for alert in self.at_centre)

    def summary(self) -> Event:
        """Give the last line of a played incident."""
        return {
            "alert_id": self.alert_id,
            "stages": self.stages,
            "paths": self.paths,
            "said": self.said,
            "delivered_at_centre": self.delivered,
            "late": any(alert["late"] for alert in self.at_centre if alert["alert_id"] == self.alert_id),
        }

    def faults(self, plan: Plan) -> list[str]:
        """Name everything that is not as it must be; empty when all is right."""
        rules = (
            self._stages_fault,
            self._truth_fault,
            self._path_fault,
            self._centre_fault,
            self._voice_fault,
        )
        return [fault for rule in rules if (fault := rule(plan))]

    def _stages_fault(self, plan: Plan) -> str:
        ranks = [STAGES.index(stage) for stage in self.stages]
        if ranks != sorted(set(ranks)):
            return f"stages went back or were repeated: {self.stages}"
        wanted = {"pressed"} if plan.cut and not plan.restored else {"pressed", "received"}
        if plan.accept != "none":
            wanted |= {"accepted", "closed"}
        if plan.accept == "sms" and "mqtt" in plan.cut:
            wanted -= {"received"}  # a person may take it before the centre has it
        missing = wanted - set(self.stages)
        return f"stages never reached: {', '.join(sorted(missing))}" if missing else ""

    def _truth_fault(self, _plan: Plan) -> str:
        held: set[str] = set()
        for event in self.events:
            if event["what"] == "said" and event["key"] in SAYABLE and event["key"] not in held:
                return f"{event['key']!r} was said before it was true"
            held.add(event["what"])
        return ""

    def _path_fault(self, plan: Plan) -> str:
        if any(parts != 1 for parts in self._values("sms_sent", "parts")):
            return "an SMS was more than one segment"
        if (
            "mqtt" in plan.cut
            and "gsm" not in plan.cut
            and "sms_sent" not in [e["what"] for e in self.events]
        ):
            return "the alert did not go by SMS although the Internet was cut"
        return ""

    def _centre_fault(self, plan: Plan) -> str:
        wanted = 0 if plan.cut and not plan.restored and "mqtt" in plan.cut else 1
        if self.delivered != wanted:
            return f"the centre holds the alert {self.delivered} times instead of {wanted}"
        if {"mqtt", "gsm"} <= set(plan.cut) and plan.restored and not self.summary()["late"]:
            return "the centre did not mark the late alert as late"
        return ""

    def _voice_fault(self, plan: Plan) -> str:
        if plan.voice == "off" and self.said:
            return f"something was said although the voice is off: {self.said}"
        if plan.voice == "cover" and set(self.said) - {"cover"}:
            return f"more than the cover phrase was said: {self.said}"
        if plan.voice == "spoken" and plan.accept != "none" and "accepted" not in self.said:
            return "the acceptance was not said"
        return ""
