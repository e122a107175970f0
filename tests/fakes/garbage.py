"""What is left to the garbage collector, which may come a day later and find megabytes of TLS's."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def uncollected(*kinds: type) -> Iterator[Callable[[], int]]:
    """Let nothing be collected for a while; gives how many more of these kinds live by now."""

    def living() -> int:
        return sum(isinstance(one, kinds) for one in gc.get_objects())

    gc.disable()  # and nothing is collected first: what other tests left would be laid to this one's charge
    before = living()
    try:
        yield lambda: living() - before
    finally:
        gc.enable()
