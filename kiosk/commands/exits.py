"""Every exit code of every command, in one place.

Owns which error gives which code. Loads nothing until an error has to be judged.
"""

from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit code says; those above 63 follow sysexits.h."""

    OK = 0
    FAILED = 1
    USAGE = 2
    AWAY = 3
    REFUSED = 4
    CRASHED = 70
    RESTART = 75
    CONFIG = 78


MEANING: dict[Exit, str] = {
    Exit.OK: "all is well",
    Exit.FAILED: "a check, a drill or the work itself failed, or a part could not be tested",
    Exit.USAGE: "the command was written wrongly",
    Exit.AWAY: "the daemon is not running, or does not answer",
    Exit.REFUSED: "the daemon refused, or this user may not ask it",
    Exit.CRASHED: "`run` only: an error of the program itself; its log has the traceback",
    Exit.RESTART: "`run` only: the centre ordered a restart",
    Exit.CONFIG: "the configuration is wrong; every fault is named with file, line and key",
}


def epilog() -> str:
    """Give the list of exit codes as `--help` shows it."""
    lines = [f"{code.value:>4}  {meaning.replace('`', '')}" for code, meaning in MEANING.items()]
    return "\b\nExit codes:\n" + "\n".join(lines)


def exit_of(error: Exception) -> Exit | None:
    """Give the exit code for an error that people can act on, or None for a bug."""
    from kiosk.check.daemon import Refused
    from kiosk.control import DaemonAway
    from kiosk.messages import ConfigError, KioskError

    match error:
        case ConfigError():
            return Exit.CONFIG
        case DaemonAway():
            return Exit.AWAY
        case Refused():
            return Exit.REFUSED
        case KioskError():
            return Exit.FAILED
        case _:
            return None
