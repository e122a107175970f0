"""An installer at a board: types the command of docs/installer, watches its steps, loses power in the middle.

What is typed here is what a person types; all else is watching.
"""

import re
import time
from dataclasses import dataclass
from typing import Any

from deploy.board import stick
from deploy.board.kiosk_board import KioskBoard

COMMAND = "./provisioning/provision.sh --bundle *.pana.tar --key owner.pub --yes --lang en"
PROVISION_S = 3600.0
LOOKS, LOOKS_S = 50, 120.0  # at a time: an answer that a restart swallows is missed within minutes
NOT_YET, TIMED_OUT = 1, 124
ENDS = {3: "the command ended before", 4: "the board restarted by itself"}
OUT, CODE = "/run/installer.out", "/run/installer.code"  # in memory: gone with the power
# Each line behind the seconds since the start of the system, whatever the clock says; on the console as well,
# which is read whatever becomes of the board.
TYPED = f"""
{stick.MOUNT}
cd /media/stick
rm -f {OUT} {CODE}
setsid bash -c '
  stamp() {{ read -r up _ </proc/uptime; printf "%s %s\\n" "$up" "$1"; }}
  stamp begin >{OUT}
  {COMMAND} 2>&1 | while IFS= read -r line; do stamp "$line"; done | tee -a {OUT} >/dev/console
  echo "${{PIPESTATUS[0]}}" >{CODE}' </dev/null >/dev/null 2>&1 3>&- &
"""
# Debian's own timers, which the image has masked: a fresh card has them on.
AS_FRESH = "systemctl unmask apt-daily.timer apt-daily-upgrade.timer"
OURS = "etc opt/pana-kiosk usr/local var/lib/pana-kiosk/voice var/lib/pana-provision"
# Random, of the day, or of other programs.
UNSTEADY = re.compile(
    r"__pycache__|direct_url\.json$|RECORD$|INSTALLER$|/kiosk\.(key|pem)$|^etc/(ld\.so\.cache|machine-id|.*-)$|"
    r"^etc/(adjtime|resolv\.conf|apt/)|/token$|/before/|pana-provision/(board|made|done)$"
)
PICTURE = rf"""
cd /
find {OURS} -xdev -type l -printf '%p -> %l\n' -o -type d -printf '%p %m %u:%g\n'
find {OURS} -xdev -type f -printf '%p %m %u:%g\n' | sort
find {OURS} -xdev -type f -print0 | xargs -0 md5sum | sed -E 's/^(\S+)  (.*)$/\2 \1/'
"""
# What a cut must not leave: a program in use that is not whole, and files of the kiosk's without content.
HALF_DONE = """
cd /opt/pana-kiosk 2>/dev/null && { [ ! -e current ] || [ -e current/complete ] || echo 'half a program'; }
find /etc/pana-kiosk -type f -empty ! -name sim.pin ! -name mqtt.password 2>/dev/null
find /etc/hostname /etc/hosts /etc/machine-id -empty
"""
LEFT_OVER = """
dpkg --audit
dpkg --verify $(sed -n 's/^package //p' /var/lib/pana-provision/made)
find /etc /opt/pana-kiosk /usr/local /var/lib/pana-kiosk /var/lib/pana-provision -xdev \\
  -name '*.pana-part' -o -name '*.part' -o -name .new -o -path /var/lib/pana-provision/release
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: its exit code, and each line with the seconds since it began."""

    code: int
    lines: tuple[tuple[float, str], ...]

    @property
    def last(self) -> str:
        """Give the last line, which tells how much was changed."""
        return self.lines[-1][1]

    @property
    def steps(self) -> dict[str, str]:
        """Give what each step said of itself: changed or ok."""
        found = (re.fullmatch(r"(\d\d-[a-z-]+): (.+)", line) for _, line in self.lines)
        return {match[1]: match[2] for match in found if match}

    @property
    def seconds(self) -> float:
        """Tell how long it took."""
        return self.lines[-1][0]

    def times(self) -> str:
        """Tell how long each step took."""
        told, before_s = [], 0.0
        for at_s, line in self.lines:
            if re.match(r"\d\d-[a-z-]+: ", line):
                told.append(f"{line.partition(':')[0]} {at_s - before_s:.0f} s")
                before_s = at_s
        return ", ".join(told)


def empty_card(board: KioskBoard) -> None:
    """Switch a board on for the first time, with a card that holds Debian only."""
    board.power_on()
    board.machine.must(AS_FRESH)
    assert board.machine.run("test -e /usr/bin/kiosk -o -e /opt/pana-kiosk").status != 0


def provision(board: KioskBoard) -> Outcome:
    """Type the command and wait for its end."""
    board.machine.must(TYPED)
    _watch(board, f"[ -e {CODE} ]")
    return _outcome(board)


def cut_at(board: KioskBoard, place: str) -> None:
    """Type the command and pull the plug as soon as the script `place` succeeds; it must not have ended."""
    board.machine.must(TYPED)
    _watch(board, place)
    board.cut_power()


def _watch(board: KioskBoard, place: str) -> None:
    """Look until `place` succeeds. A board that restarts by itself, as by its watchdog, is told as that."""
    look = f"{place} && exit 0; [ ! -e {CODE} ] || exit 3; [ -e {OUT} ] || exit 4"
    script = f"for _ in $(seq {LOOKS}); do {look}; sleep 0.2; done 2>/dev/null; exit {NOT_YET}"
    deadline_s = time.monotonic() + PROVISION_S
    while (status := board.machine.run(script, within_s=LOOKS_S).status) in (NOT_YET, TIMED_OUT):
        assert time.monotonic() < deadline_s, f"{place} was not seen: {_outcome(board)}"
    assert status == 0, f"{place} was not seen: {ENDS[status]}: {_outcome(board)}"


def picture(board: KioskBoard) -> dict[str, list[str]]:
    """Give what the card holds of ours: links, owners, modes and content by path."""
    seen: dict[str, list[str]] = {}
    for line in board.machine.must(PICTURE, within_s=600).splitlines():
        path, _, what = line.partition(" ")
        if not UNSTEADY.search(path):
            seen.setdefault(path, []).append(what)
    return seen


def differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Give what two cards do not have in common."""
    paths = sorted(one.keys() | other.keys())
    return {path: (one.get(path), other.get(path)) for path in paths if one.get(path) != other.get(path)}


def _outcome(board: KioskBoard) -> Outcome:
    text = board.machine.run(f"[ ! -e {OUT} ] || cat {OUT}").text
    found = [line.partition(" ") for line in text.splitlines()]
    lines = [(float(at) - float(found[0][0]), line) for at, _, line in found]
    code = board.machine.run(f"cat {CODE}").text
    return Outcome(int(code) if code.isdigit() else -1, tuple(lines))
