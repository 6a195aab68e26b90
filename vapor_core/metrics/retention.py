"""Which points of a series are kept: a recent window whole, older ones as telling rows of equal buckets.

Memory is bounded whatever the length. `series` is what others see; `sampling` says which points tell.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vapor_core.metrics.sampling import bucket_count, smoothed, telling_points

Floats = NDArray[np.float64]
Replay = Callable[[int, int], Mapping[str, ArrayLike]]
Line = tuple[str, float]  # a smoothed column: its name and the weight
SmoothState = tuple[float, float, float]

_REPLAYED_AT_ONCE = 65_536  # points
_LINES_KEPT = 16  # smoothed columns carried along with new points: two weights of all that vary
_FIRST_ROOM = 256  # points that the window has room for before it grows


def no_states(lines: Iterable[Line]) -> dict[Line, SmoothState]:
    """The states of smoothed lines before the first point."""
    return dict.fromkeys(lines, (0.0, 0.0, 0.0))


def bucket_start(position: float, width: float) -> float:
    """Where the bucket of a position begins."""
    return position // width * width


class Retained:
    """Points as rows of an array: row 0 is the axis, then the other columns, then the smoothed lines.

    Args:
        columns: names, the axis first.
        window: latest points kept whole, at least.
        buckets: of the older points, at most; they double their width when there are more.
        replay: gives the columns of axis positions start..stop-1 again.
    """

    def __init__(self, columns: tuple[str, ...], window: int, buckets: int, replay: Replay | None) -> None:
        self.columns = columns
        self.width = 1.0  # of an older bucket, in units of the axis
        self.lines: dict[Line, SmoothState] = {}  # smoothed lines, with the state after the last point
        self.replay = replay
        self._window, self._buckets = window, buckets
        self._older = np.empty((len(columns), 0))
        self._buffer = np.empty((len(columns), _FIRST_ROOM))  # the window, with room behind
        self.size = 0  # points in the window

    @property
    def values(self) -> int:
        """Numbers held."""
        return self._older.size + self._buffer.size

    @property
    def last(self) -> float | None:
        """Axis position of the last point."""
        rows = self.tail(1)
        return float(rows[0, 0]) if rows.size else None

    def tail(self, count: int) -> Floats:
        """The last points, as far as the window goes."""
        if self.size:
            return self._buffer[:, max(self.size - count, 0) : self.size]
        return self._older[:, max(self._older.shape[1] - count, 0) :]

    def rows_from(self, position: float) -> Floats:
        """Kept points at and after a position."""
        window = self._buffer[:, : self.size]
        if self.size and position >= window[0, 0]:
            return window[:, int(np.searchsorted(window[0], position)) :]
        return np.concatenate(
            (self._older[:, int(np.searchsorted(self._older[0], position)) :], window), axis=1
        )

    def add(self, rows: Floats) -> None:
        """Take points that follow the last one; columns without lines."""
        for first in range(0, rows.shape[1], self._window):
            part = rows[:, first : first + self._window]
            self._push(np.concatenate((part, self._continued(part, self.lines))) if self.lines else part)

    def drop_from(self, position: float) -> None:
        """Drop the points at and after a position, and the lines.

        Points in the window stay whole. Where the cut goes deeper the window is filled by `replay`; without it
        the telling rows before the cut stay.
        """
        self.forget_lines()
        self.size = int(np.searchsorted(self._buffer[0, : self.size], position))
        if self.size or not self._older.shape[1]:
            return
        refill = self.replay is not None and position <= self._older[0, -1]
        start = bucket_start(max(position - self._window, 0.0), self.width) if refill else position
        self._older = self._older[:, : int(np.searchsorted(self._older[0], start))].copy()
        for rows in self.again(start, position) if refill else ():
            self.add(rows)

    def again(
        self, start: float, stop: float, states: dict[Line, SmoothState] | None = None
    ) -> Iterator[Floats]:
        """All points from `start` to before `stop` by `replay`, piece by piece.

        `states` asks for smoothed lines below the columns and is brought up to date.
        """
        if self.replay is None:
            return
        end = int(np.ceil(stop))
        for first in range(int(start), end, _REPLAYED_AT_ONCE):
            columns = self.replay(first, min(first + _REPLAYED_AT_ONCE, end))
            rows = np.array([columns[name] for name in self.columns], dtype=np.float64)
            if rows.shape[1]:
                yield np.concatenate((rows, self._continued(rows, states or {})))

    def carry(self, wanted: list[Line]) -> bool:
        """Have these smoothed lines, from now on with every new point; False where others had to give way.

        Lines over older points are exact by `replay` and over the telling rows alone without it.
        """
        missing = [line for line in wanted if line not in self.lines]
        room = not missing or len(self.lines) + len(missing) <= max(_LINES_KEPT, len(wanted))
        if not room:
            self.forget_lines()
            missing = wanted
        if missing:
            self._add_lines(missing)
        return room

    def forget_lines(self) -> None:
        """Carry no smoothed lines any more."""
        if self.lines:
            self.lines.clear()
            self._older = self._older[: len(self.columns)].copy()
            self._buffer = self._buffer[: len(self.columns)].copy()

    def _add_lines(self, missing: list[Line]) -> None:
        states = no_states(missing)
        self._older = np.concatenate((self._older, self._older_lines(states)))
        wider = np.empty((len(missing), self._buffer.shape[1]))
        wider[:, : self.size] = self._continued(self._buffer[:, : self.size], states)
        self._buffer = np.concatenate((self._buffer, wider))
        self.lines.update(states)

    def _older_lines(self, states: dict[Line, SmoothState]) -> Floats:
        """Smoothed lines at the older points, and in `states` up to the window."""
        axis = self._older[0]
        if self.replay is None or not axis.size:
            return self._continued(self._older, states)
        lines = np.empty((len(states), axis.size))
        window_begins = float(self._buffer[0, 0]) if self.size else float(axis[-1]) + 1
        for rows in self.again(0.0, window_begins, states):
            here = np.flatnonzero((axis >= rows[0, 0]) & (axis <= rows[0, -1]))
            at = np.searchsorted(rows[0], axis[here])
            lines[:, here] = np.take(rows[len(self.columns) :], at, axis=1)
        return lines

    def _continued(self, part: Floats, states: dict[Line, SmoothState]) -> Floats:
        """Smoothed lines over the points that follow `states`, which are brought up to date."""
        lines = np.empty((len(states), part.shape[1]))
        for index, (name, weight) in enumerate(states):
            values = part[self.columns.index(name)]
            lines[index], states[name, weight] = smoothed(part[0], values, weight, states[name, weight])
        return lines

    def _push(self, part: Floats) -> None:
        need = self.size + part.shape[1]
        if need > 2 * self._window:
            self._age(min(need - self._window, self.size))
            need = self.size + part.shape[1]
        if need > self._buffer.shape[1]:
            wider = np.empty((self._buffer.shape[0], max(min(2 * need, 2 * self._window), _FIRST_ROOM)))
            wider[:, : self.size] = self._buffer[:, : self.size]
            self._buffer = wider
        self._buffer[:, self.size : need] = part
        self.size = need

    def _age(self, count: int) -> None:
        """Turn the oldest points of the window into telling rows."""
        leaving = self._buffer[:, :count]
        whole = int(np.searchsorted(self._older[0], bucket_start(float(leaving[0, 0]), self.width)))
        merged = self._told(np.concatenate((self._older[:, whole:], leaving), axis=1))
        self._older = np.concatenate((self._older[:, :whole], merged), axis=1)
        while bucket_count(self._older[0], self.width) > self._buckets:
            self.width *= 2
            self._older = self._told(self._older)
        self._buffer[:, : self.size - count] = self._buffer[:, count : self.size].copy()
        self.size -= count

    def _told(self, rows: Floats) -> Floats:
        chosen = telling_points(rows[0], rows[1 : len(self.columns)], self.width)
        return np.take(rows, chosen, axis=1)
