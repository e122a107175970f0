"""Makes all that a board is made of, ahead of the tests, and says whose fault it is where that fails.

Exit code 75: what the surroundings have not given (a program, Debian's archive, the package index).
"""

import subprocess
import sys

from deploy.board import desk, image, laid, machine

NOT_GIVEN = 75  # sysexits.h: EX_TEMPFAIL
# How `kiosk fleet release build` names what it fetches for a board.
FETCHED = ("pip's wheel: ", f"{desk.TARGET}: wheels: ", f"{desk.TARGET}: Debian packages: ")


def main() -> int:
    """Fetch first, then build; give the exit code."""
    if missing := machine.missing_programs():
        return _not_given(f"missing: {', '.join(missing)}")
    try:
        image.fetched()
    except subprocess.SubprocessError as error:
        return _not_given(f"Debian's packages: {error}")
    try:
        desk.release()
    except AssertionError as error:
        if not any(words in str(error) for words in FETCHED):
            raise
        return _not_given(str(error))
    laid.board()
    return 0


def _not_given(what: str) -> int:
    sys.stderr.write(f"{what}\n")
    return NOT_GIVEN


if __name__ == "__main__":
    sys.exit(main())
