"""How long the first look at a stranger's world takes, by what it has much of, and whether it grows with that alone."""

import time
from collections.abc import Callable

from benchmarks.hostile_worlds import GROWING, fork_chain, looked
from benchmarks.rows import Row
from vapor_core.errors import InvalidLink
from vapor_core.sharing import links
from vapor_core.sharing.links import Shared

LONGEST_S = 1.0
# Of the time for one of them. 1 is linear; garbage is searched for more often where there is more.
MOST_GROWTH = 2.0


def seconds(world: Shared) -> float:
    """Of this thread's computing, to see everything in it."""
    began = time.thread_time()
    looked(world)
    return time.thread_time() - began


def rows() -> list[Row]:
    """A row for each thing that a world may have much of."""
    looked(fork_chain(2))  # what is imported and read once
    return [_row(what, *growing) for what, growing in GROWING.items()]


def _row(what: str, build: Callable[[int], Shared], sizes: tuple[int, ...], too_many: int | None) -> Row:
    took = [seconds(build(size)) for size in sizes]
    growth = (took[-1] / sizes[-1]) / (took[0] / sizes[0])
    measured = ", ".join(f"{size:,}: {each:.2f} s" for size, each in zip(sizes, took, strict=True))
    return Row(
        what=f"a stranger's world with {sizes[-1]:,} {what}",
        against="one of them at the smallest size",
        measured=measured,
        ratio=f"{growth:.1f} x a piece",
        target=f"{LONGEST_S:g} s and linear",
        met=took[-1] <= LONGEST_S and growth <= MOST_GROWTH,
        note=f"{_size(build(sizes[-1]))}{_beyond(build, too_many)}",
    )


def _size(world: Shared) -> str:
    try:
        return f"a link of {len(links.pack(world)):,} characters"
    except InvalidLink:
        return "a file, too large for a link"


def _beyond(build: Callable[[int], Shared], too_many: int | None) -> str:
    if too_many is None:
        return ""
    try:
        seconds(build(too_many))
    except InvalidLink as refused:
        return f'; {too_many:,} are refused: "{refused}"'
    return f"; {too_many:,} are taken too"
