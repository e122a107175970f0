"""Every figure that the README claims, as a command; it borrows the tests' certificates and kiosk site."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))
