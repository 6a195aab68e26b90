"""A disk that takes no more: how it is recognised, whoever reports it in whose words, and what would work.

Plain values and the system's answers: the app and the supervisor read them too.
"""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

SENTENCE = "the disk is full; free some space and press Resume"
CODES = frozenset({errno.ENOSPC, errno.EDQUOT})
WORDS = ("no space left on device", "os error 28", "disk quota exceeded")  # of libraries that hide the code
TORN = (
    "pytorchstreamwriter",
    "enforce fail at inline_container",
    "unexpected pos",
)  # torch's, whatever stopped it
LITTLE = 2**16  # bytes that are left of a disk that is as good as full
ROOM = 2**28  # bytes, below which torch's torn file is put down to the disk


def is_full(error: BaseException, folder: Path) -> bool:
    """Whether an error, or what it came of, says that the disk of a folder takes no more."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        said = str(cause).lower()
        if (isinstance(cause, OSError) and cause.errno in CODES) or any(word in said for word in WORDS):
            return True
        if any(word in said for word in TORN) and free_bytes(folder) < ROOM:
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def is_as_good_as_full(folder: Path) -> bool:
    """Whether what a run writes next finds no room."""
    return free_bytes(folder) < LITTLE


def free_bytes(folder: Path) -> float:
    """Of the disk that a folder is on; infinite where the system does not say."""
    try:
        return float(shutil.disk_usage(folder).free)
    except OSError:
        return float("inf")
