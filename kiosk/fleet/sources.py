"""Where a kiosk's registry row, token and SMS key come from: the sheet alone, or the centre (`centre`)."""

import re
from dataclasses import dataclass
from typing import Protocol

from kiosk.fleet.plan import Unfit
from kiosk.fleet.sheet import PLACE, Row, Sheet
from kiosk.monitor.sms_keys import HEX, SmsKeys

TOKEN = re.compile(r"[A-Z2-7]{4}(-[A-Z2-7]{1,4}){4,19}", re.ASCII)
NEEDED = tuple(name for name in PLACE if name != "phone")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What only this kiosk may have; nothing here is a private key."""

    token: str
    sms_key: str  # hex; empty where the site has no modem


class Source(Protocol):
    """Completes rows and gives secrets. Both raise Unfit."""

    def complete(self, sheet: Sheet, row: Row) -> Row:
        """Give the row with its place and number."""

    def secrets(self, sheet: Sheet, row: Row, *, sms: bool) -> Secrets:
        """Give its token, and its SMS key where there is a modem: last, for the row is good then."""


@dataclass(frozen=True, slots=True)
class Alone:
    """A desk without the centre's store: the sheet must say everything."""

    keys: SmsKeys | None = None  # by the centre's master key, where the desk may hold it

    def complete(self, sheet: Sheet, row: Row) -> Row:
        """Demand a whole row."""
        faults = [
            sheet.fault(row, name, "is empty, and without --centre nobody else knows it")
            for name in ("number", *NEEDED)
            if not row[name]
        ]
        if faults:
            raise Unfit(faults)
        return row

    def secrets(self, sheet: Sheet, row: Row, *, sms: bool) -> Secrets:
        """Take them out of the row; the SMS key may come from the master key."""
        if not TOKEN.fullmatch(row["token"]):
            what = "is no token; make one at the centre: kiosk monitor registry token " + row.kiosk
            raise Unfit([sheet.fault(row, "token", what)])
        key = row["sms_key"] or (self.keys.of(row.kiosk).hex() if self.keys else "")
        if sms and not HEX.fullmatch(key):
            what = "needs 32 to 128 hex digits (kiosk monitor sms-key), or give --sms-master"
            raise Unfit([sheet.fault(row, "sms_key", what)])
        return Secrets(row["token"], key if sms else "")
