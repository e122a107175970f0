"""Orders of the centre, laid down as the daemon does."""

from pathlib import Path

from kiosk.update_folder import UpdateFolder
from kiosk.updates import UpdateRequest


def lay_order(state: Path, version: str, release: str = "ab" * 32, command_id: str = "c1") -> None:
    """Lay an order to install a release."""
    request = UpdateRequest(command_id=command_id, release=release, version=version)
    UpdateFolder(state, lambda _: None).request(request)
