"""Host names -> addresses, with a deadline and the last good answer kept.

Owns one short-lived thread per name that is being asked for. Never lets a silent DNS hold up its caller.
"""

import socket
import threading
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from kiosk.messages import LinkDown

Resolve = Callable[[str, int], Sequence[str]]
Good = dict[str, tuple[str, ...]]  # by host


def system_resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver; may block for tens of seconds when DNS is silent."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(item[4][0]) for item in found))


class _Question:
    """One question under way in its own daemon thread, which cannot be stopped while DNS is silent."""

    def __init__(self, resolve: Resolve, host: str, port: int) -> None:
        self.answer: tuple[str, ...] = ()
        self.error = ""
        self._resolve, self._host, self._port = resolve, host, port
        self.thread = threading.Thread(target=self._ask, name=f"dns-{host}", daemon=True)
        self.thread.start()

    def _ask(self) -> None:
        try:
            self.answer = tuple(self._resolve(self._host, self._port))
        except (OSError, UnicodeError) as error:  # `a..b` raises UnicodeError, not gaierror
            self.error = str(error)


class Names:
    """Resolves names for one thread; remembers each name's last good addresses for when DNS fails.

    Several threads, each with its own Names, may share what is remembered by one `good`.
    """

    def __init__(
        self, resolve: Resolve = system_resolve, *, deadline_s: float = 3.0, good: Good | None = None
    ) -> None:
        self._resolve = resolve
        self._deadline_s = deadline_s
        self._asked: dict[tuple[str, int], _Question] = {}
        self._good: Good = {} if good is None else good  # whole values only: shared without a lock

    def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Give at least one address within the deadline; raises LinkDown."""
        if _is_address(host):
            return (host,)
        question = self._asked.get((host, port))
        if question is not None and not question.thread.is_alive():  # it ended while nobody waited for it
            if question.answer:
                self._good[host] = question.answer
            question = None
        if question is None:  # a question that hangs is asked once, however often we come back
            question = self._asked[host, port] = _Question(self._resolve, host, port)
        question.thread.join(self._deadline_s)
        if question.thread.is_alive():
            return self._remembered(host, f"no answer from DNS within {self._deadline_s:g} s")
        del self._asked[host, port]
        if not question.answer:
            return self._remembered(host, question.error or "DNS knows no address")
        self._good[host] = question.answer
        return question.answer

    def _remembered(self, host: str, reason: str) -> tuple[str, ...]:
        if self._good.get(host):
            return self._good[host]
        raise LinkDown(f"{host}: {reason}")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
