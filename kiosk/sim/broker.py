"""Brokers for the demo and the tests: amqtt inside this process, Mosquitto as a child.

Both listen on 127.0.0.1 only and know only the users given, by throw-away passwords or certificates.
Never used by a kiosk at a site.
"""

import base64
import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kiosk.messages import LinkDown

SHIPPED = Path(__file__).parents[2] / "provisioning" / "broker"
START_S = 10.0


class Passwords:
    """Throw-away random passwords, one a user."""

    def __init__(self, users: tuple[str, ...]) -> None:
        self._by_user = {user: secrets.token_urlsafe(18) for user in users}

    def __getitem__(self, user: str) -> str:
        return self._by_user[user]

    def mosquitto_file(self) -> str:
        """Write Mosquitto's password file: `$7$` is PBKDF2-SHA512; few rounds serve random passwords."""
        return "".join(f"{user}:{_pbkdf2(password)}\n" for user, password in self._by_user.items())

    def items(self) -> tuple[tuple[str, str], ...]:
        """Give all users with their passwords."""
        return tuple(self._by_user.items())


def _pbkdf2(password: str) -> str:
    salt = secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"
