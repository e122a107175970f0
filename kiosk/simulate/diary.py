"""What happened, line by line: kept for a timeline where wanted, and always summed up in a digest. Pure."""

from hashlib import sha256

Line = tuple[float, str, str]


class Diary:
    """Notes with their time; `telling` keeps them."""

    def __init__(self, *, telling: bool) -> None:
        self.telling = telling
        self.lines: list[Line] = []
        self._hash = sha256()

    def note(self, at_s: float, who: str, what: str) -> None:
        """Keep one thing that happened."""
        self._hash.update(f"{at_s:.6f} {who} {what}\n".encode())
        if self.telling:
            self.lines.append((at_s, who, what))

    @property
    def digest(self) -> str:
        """Give the same text for the same happenings."""
        return self._hash.hexdigest()[:16]

    def timeline(self) -> str:
        """Write all notes, one a line."""
        return "\n".join(f"{at_s:9.3f} s  {who:<12} {what}" for at_s, who, what in self.lines)
