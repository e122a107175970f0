"""The modem's tty below gammu: for the few commands that gammu cannot give.

Owns plain AT exchanges on a descriptor. Never used while a gammu call is running: the child has one thread
that talks to the modem.
"""

import os
import select
import termios
import time

_OPEN_FLAGS = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK
_FINAL = (b"\r\nOK\r\n", b"ERROR")
_READ_BYTES = 4096


def config_file(device: str) -> str:
    """Write gammu's configuration where nothing touches the disk; raises ValueError for a strange path."""
    if not device.isprintable():
        raise ValueError("the modem's device path holds control characters")
    fd = os.memfd_create("gammurc")
    os.write(fd, f"[gammu]\ndevice = {device}\nconnection = at115200\nmodel = at\n".encode())
    return f"/proc/self/fd/{fd}"


def descriptor_of(device: str) -> int:
    """Find the descriptor that gammu holds on a device, which it does not tell; raises OSError."""
    target = os.path.realpath(device)
    for fd in os.listdir("/proc/self/fd"):  # noqa: PTH208 - pathlib costs the child 1 MB
        try:
            if os.readlink(f"/proc/self/fd/{fd}") == target:  # noqa: PTH115 - as above
                return int(fd)
        except OSError:
            continue
    raise OSError(f"{device} is not open")


def exchange(fd: int, command: str, *, timeout_s: float) -> bool:
    """Write one AT command and wait for its end; True when it ended with OK."""
    _drain(fd)
    os.write(fd, command.encode("ascii") + b"\r")
    answer = b""
    deadline_s = time.monotonic() + timeout_s
    while not any(final in answer for final in _FINAL):
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or not select.select([fd], [], [], left_s)[0]:
            return False
        answer = (answer + os.read(fd, _READ_BYTES))[-_READ_BYTES:]
    return _FINAL[0] in answer


def restart_modem(device: str, *, timeout_s: float) -> None:
    """Reset the modem by AT+CFUN=1,1 (27.007, 8.2) and wait until it answers again.

    Works where gammu cannot open a session. A USB modem leaves the bus and comes back; raises OSError
    when it does not in `timeout_s` seconds.
    """
    deadline_s = time.monotonic() + timeout_s
    if not _try(device, "AT+CFUN=1,1", timeout_s=3.0):
        raise OSError("the modem does not take AT+CFUN=1,1; take its power away")
    while time.monotonic() < deadline_s:
        time.sleep(0.5)  # a modem that has just begun to restart may still answer
        if _try(device, "AT", timeout_s=1.0):
            return
    raise OSError("the modem did not come back after AT+CFUN=1,1")


def _try(device: str, command: str, *, timeout_s: float) -> bool:
    try:
        fd = os.open(device, _OPEN_FLAGS)
    except OSError:
        return False
    try:
        _make_raw(fd)
        # a half-typed line of a killed session must not swallow the command
        os.write(fd, b"\x1b\r")
        time.sleep(0.1)
        return exchange(fd, command, timeout_s=timeout_s)
    except (OSError, termios.error):
        return False
    finally:
        os.close(fd)


def _make_raw(fd: int) -> None:
    speed = termios.B115200
    flags = termios.CS8 | termios.CREAD | termios.CLOCAL
    settings = termios.tcgetattr(fd)
    settings[:6] = [termios.IGNPAR, 0, flags, 0, speed, speed]
    termios.tcsetattr(fd, termios.TCSANOW, settings)


def _drain(fd: int) -> None:
    while select.select([fd], [], [], 0)[0] and os.read(fd, _READ_BYTES):
        pass
