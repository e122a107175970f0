"""A daemon's wall clock that a test sets: the kernel has no namespace for it."""

from pathlib import Path

# libfaketime is not packaged here: the interpreter's own clock functions are moved instead, by a file's word.
PLANTED = """
import pathlib, time

file, real_s, real_ns = pathlib.Path({file!r}), time.time, time.time_ns


def jump():
    return int(file.read_text() or 0)


time.time = lambda: real_s() + jump()
time.time_ns = lambda: real_ns() + jump() * 1_000_000_000
"""


class Clock:
    """The daemon's wall clock; monotonic time is left alone, as the kernel does."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "jump_s"
        self.jump(0)
        (folder / "sitecustomize.py").write_text(PLANTED.format(file=str(self._file)))
        self.environ = {"PYTHONPATH": str(folder)}

    def jump(self, by_s: int) -> None:
        beside = self._file.with_suffix(".new")
        beside.write_text(str(by_s))
        beside.replace(self._file)
