"""A file that is there whole or not at all, whoever is killed while it is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def written_whole(place: Path) -> Iterator[TextIO]:
    """Write beside it, and rename into place once everything is on the disk.

    Raises:
        OSError: where the disk does not take it; what was there stays.
    """
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8", errors="replace") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(place)
    except OSError:
        draft.unlink(missing_ok=True)  # a full disk has its room back
        raise
