"""What gammu says, made safe to cross to the parent as one line of JSON.

Owns no session and imports no driver; nothing here raises on strange contents.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as typing has it; importing typing costs the child 1 MB
if TYPE_CHECKING:
    from typing import Any

    from kiosk.net.child_loop import Fields

_TEXT_MAX = 400
_NUMBER_MAX = 24
_MATCH_S = 1.0  # of the processor: a pattern may be one that tries for ever


def explain(error: BaseException) -> str:
    """Say what failed, with gammu's error number; holds no phone number and no text."""
    told = error.args[0] if error.args and isinstance(error.args[0], dict) else None
    if told is None:
        return str(error) or type(error).__name__
    return f"{told.get('Where')}: {str(told.get('Text')).partition('.')[0]} (gammu {told.get('Code')})"


def message_told(message: Fields) -> Fields:
    """Turn a message or a delivery report into what is told to the parent."""
    if message.get("Type") == "Status_Report":
        return {
            "event": "reported",
            "reference": message.get("MessageReference", 0),
            "status": message.get("DeliveryStatus", 0),
        }
    number, text = clean(message.get("Number"), _NUMBER_MAX), clean(message.get("Text"), _TEXT_MAX)
    return {"event": "received", "number": number, "text": text}


def ussd_told(answer: Fields, pattern: str) -> Fields:
    """Tell the parent what `pattern` finds in the operator's USSD answer, or why it finds nothing."""
    text, reason = _sum_in(clean(answer.get("Text"), _TEXT_MAX), pattern)
    return {"event": "ussd", "text": text, "reason": reason}


def _sum_in(text: str, pattern: str) -> tuple[str | None, str]:
    import re  # noqa: PLC0415 - only where a balance is asked for: a small process stays small
    import signal  # noqa: PLC0415

    def give_up(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, _MATCH_S)
    try:
        found = re.search(pattern, text)
    except TimeoutError:
        return None, f"sms.balance.pattern finds no end within {_MATCH_S:g} s"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    if found is None:
        return None, "the operator's answer does not match the pattern"
    return found.group(1) or "", ""


def clean(text: Any, length_max: int) -> str:
    """Cut a text and replace what no encoding can carry; eight-bit data is nothing a person wrote."""
    if not isinstance(text, str):
        return ""
    # gammu counts an escaped letter twice and reads past the end of its own text
    return text.partition("\0")[0][:length_max].encode("utf-8", "replace").decode()
