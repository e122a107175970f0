"""Kazakh and Russian letters in Latin ones, for the short place in a GSM-7 text. Pure."""

PAIRS = {
    "а": "a", "ә": "a", "б": "b", "в": "v", "г": "g", "ғ": "g", "д": "d", "е": "e", "ё": "yo", "ж": "zh",
    "з": "z", "и": "i", "й": "y", "к": "k", "қ": "q", "л": "l", "м": "m", "н": "n", "ң": "ng", "о": "o",
    "ө": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ұ": "u", "ү": "u", "ф": "f", "х": "kh",
    "һ": "h", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ы": "y", "і": "i", "ь": "", "э": "e",
    "ю": "yu", "я": "ya", "«": "", "»": "", '"': "", "№": "#", "—": "-",
}  # fmt: skip


def latin(text: str) -> str:
    """Write a text in Latin letters; what has no likeness stays, and is refused where it is not allowed."""
    return "".join(_one(letter) for letter in text).strip()


def _one(letter: str) -> str:
    small = PAIRS.get(letter.lower())
    if small is None:
        return letter
    return small.capitalize() if letter != letter.lower() else small
