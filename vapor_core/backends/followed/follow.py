"""A run that another program does, followed from a notebook or a terminal: its rows as they come."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from vapor_core.backends.followed.folders import logs_of
from vapor_core.backends.followed.run import FileRun, Standing
from vapor_core.errors import InvalidUpload

if TYPE_CHECKING:
    import pandas as pd


class Follower:
    """One run's log, read on at each look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._run = FileRun(path)
        self._cursor = 0

    def look(self, *, now: float) -> pd.DataFrame:
        """Rows that are new, or that have changed, since the last look; the columns of a job's metrics.

        Args:
            now: the caller's clock, seconds since 1970.

        Raises:
            InvalidUpload: nothing of it can be read; says why.
        """
        self._run.look(now)
        if self._run.trouble and self._run.last < 0:
            raise InvalidUpload(self._run.trouble)
        first = min(self._run.changed(), self._cursor)
        frame = self._rows(first)
        self._cursor = self._run.last + 1
        return frame

    def frame(self) -> pd.DataFrame:
        """All rows, as of the last look."""
        return self._rows(0)

    @property
    def standing(self) -> Standing:
        """How the run stands by its own word, as of the last look."""
        return self._run.standing()

    def _rows(self, first: int) -> pd.DataFrame:
        import pandas as pd  # noqa: PLC0415 - loads for longer than the core

        columns: Mapping[str, object] = self._run.columns(first, self._run.last + 1)
        return pd.DataFrame(columns)


def follow(path: str | PathLike[str]) -> Follower:
    """Follow a run by the file or folder that its trainer writes.

    Args:
        path: a log (JSON a line, a table, printed lines, TensorBoard's events, a Trainer's state), or a run's folder.

    Raises:
        InvalidUpload: there is no such file or folder, or it holds no log.
    """
    place = Path(path).expanduser()
    if not place.exists():
        raise InvalidUpload(f"there is no file or folder {str(path)[:200]!r}")
    logs_of(place)
    return Follower(place)
