"""The local control socket: one JSON object a line, questions in, answers and events out."""

from kiosk.control.client import DaemonAway, DaemonLost, DaemonSilent, ask, watch
from kiosk.control.server import ControlServer, Handle, Reply

__all__ = ["ControlServer", "DaemonAway", "DaemonLost", "DaemonSilent", "Handle", "Reply", "ask", "watch"]
