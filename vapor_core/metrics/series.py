"""The time series of jobs and deployments: taken in point by point, handed out as what a chart draws.

`retention` says which points are kept, `sampling` which of them tell the series. What a job's points are is the
question of its backend, and when they become visible that of the workspace.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vapor_core.metrics.retention import Floats, Line, Replay, Retained, bucket_start, no_states
from vapor_core.metrics.sampling import bucket_count, most_telling_points, telling_points

if TYPE_CHECKING:
    import pandas as pd

# Columns that only rise or follow a plan: a smoothed line of them says nothing new.
STEADY = frozenset(
    {"step", "epoch", "tokens", "elapsed_s", "learning_rate", "memory_gb", "cost_usd", "replicas"}
)
_VIEWS_KEPT = 16  # charts whose closed buckets are remembered

ViewKey = tuple[int, float, tuple[str, ...]]  # max_points, smoothing, columns


@dataclass(slots=True)
class _View:
    """What one chart has drawn and will not draw otherwise: the points of closed buckets."""

    max_points: int
    tracked: int  # rows that are columns; smoothed lines follow
    width: float
    closed_to: float  # axis position; every bucket before it is in `rows`
    rows: Floats

    def add(self, fresh: Floats) -> Floats:
        """All points to draw, `fresh` being those from `closed_to` on.

        All where they are few; else the telling ones at the least width whose closed buckets leave room for an
        open one. That width depends on the points alone and only grows with them: a point once gone from a
        running chart stays away, and no other moves.
        """
        rows = np.concatenate((self.rows, fresh), axis=1)
        if self.width == 1 and rows.shape[1] <= self.max_points:
            return rows
        room = max(self.max_points - most_telling_points(self.tracked - 1), 0)
        self.width = max(self.width, 2.0)
        while bucket_count(rows[0], self.width) > room + 1:
            self.width *= 2
        while True:
            rows = np.take(rows, telling_points(rows[0], rows[1 : self.tracked], self.width), axis=1)
            edge = bucket_start(float(rows[0, -1]), self.width)
            closed = int(np.searchsorted(rows[0], edge))
            if closed <= room:
                break
            self.width *= 2
        self.closed_to, self.rows = edge, rows[:, :closed].copy()
        return rows


class MetricSeries:
    """The points of one job or deployment, in order of `axis`.

    What leaves the window is kept as the telling points of equal buckets: the first, the last and each column's
    least and greatest, whole points. Buckets double their width when there are too many. So a chart of up to
    about `buckets` points shows what it would show from all points, and memory is bounded whatever the length.

    Args:
        columns: names; `axis` is added in front where absent.
        axis: the column that orders points, 0 or more and ascending.
        window: points kept at full resolution, at least; at most twice as many are.
        buckets: kept of the older points, at most.
        replay: gives the columns of axis positions start..stop-1 again; makes exact what needs points that are
            no longer kept (smoothing asked for late, more points than `buckets`, a rewind out of the window).
    """

    def __init__(
        self,
        columns: tuple[str, ...],
        axis: str = "step",
        window: int = 4096,
        buckets: int = 1024,
        replay: Replay | None = None,
    ) -> None:
        self.axis = axis
        self.columns: tuple[str, ...] = (axis, *(name for name in columns if name != axis))
        self._points = Retained(self.columns, window, buckets, replay)
        self._whole_numbers: frozenset[str] = frozenset({axis})
        self._taken = 0
        self._cursor = 0  # points taken plus times that points were dropped
        self._dropped_at = 0  # cursor when points were last dropped
        self._views: OrderedDict[ViewKey, _View] = OrderedDict()

    def __len__(self) -> int:
        """Points ever taken, dropped ones included."""
        return self._taken

    @property
    def stored_values(self) -> int:
        """Numbers held now; bounded whatever the length."""
        return self._points.values + sum(view.rows.size for view in self._views.values())

    def append(self, columns: Mapping[str, ArrayLike]) -> None:
        """Take points in order of the axis; where they begin before the end, the earlier attempt's give way.

        Raises:
            ValueError: where a column is missing, lengths differ or the axis does not ascend from 0 or more.
        """
        rows = self._checked(columns)
        if not rows.shape[1]:
            return
        last = self._points.last
        if last is not None and rows[0, 0] <= last:
            self._drop_from(float(rows[0, 0]))
        self._points.add(rows)
        self._taken += rows.shape[1]
        self._cursor += rows.shape[1]

    def rewind(self, position: float) -> None:
        """Drop the points after an axis position, as on resume from a checkpoint; that position's own stays.

        The rest is exact where the position lies in the window or `replay` can give the older points again;
        otherwise the bucket that is cut keeps those of its telling points that lie before the cut.
        """
        last = self._points.last
        if last is not None and position < last:
            self._drop_from(float(np.nextafter(position, np.inf)))

    def frame(
        self, max_points: int = 1000, smoothing: float = 0.0, columns: Iterable[str] | None = None
    ) -> pd.DataFrame:
        """Points to draw: all, or at most about `max_points` that tell the series so that no spike vanishes.

        Args:
            max_points: rows at most; one bucket's are drawn even where they are more.
            smoothing: 0 to below 1; adds `<column>_smoothed` for the columns that vary, the debiased exponential
                average by distance over the full series, computed before points are chosen.
            columns: names besides the axis; None is all.

        Raises:
            KeyError: where a column is unknown.
            ValueError: where smoothing is not in [0, 1) or max_points below 1.
        """
        if not 0.0 <= smoothing < 1.0:
            raise ValueError(f"smoothing is from 0 to below 1, not {smoothing}")
        if max_points < 1:
            raise ValueError(f"max_points is 1 or more, not {max_points}")
        names = self._named(columns)
        lines = [(name, smoothing) for name in names if smoothing and name not in STEADY | {self.axis}]
        if not self._points.carry(lines):
            self._views.clear()
        rows = self._drawn((max_points, smoothing, names), lines)
        frame = {name: self._column(name, rows[index]) for index, name in enumerate(names)}
        for index, (name, _) in enumerate(lines, start=len(names)):
            frame[f"{name}_smoothed"] = rows[index]
        import pandas as pd  # noqa: PLC0415 - loads for longer than the core

        made = pd.DataFrame(frame, copy=False)
        made.columns = _labels(tuple(frame))
        return made

    def latest(self) -> dict[str, float]:
        """The last point, {} where there is none."""
        point = self._points.tail(1)
        if not point.size:
            return {}
        return {name: self._column(name, point[index])[0].item() for index, name in enumerate(self.columns)}

    def tail(self, count: int) -> pd.DataFrame:
        """The last `count` points, as far as the window goes."""
        return self._frame_of(self._points.tail(count))

    def since(self, cursor: int) -> tuple[int, pd.DataFrame]:
        """What is new since a cursor, and the next cursor; 0 is from the beginning.

        `frame.attrs["reset"]` is True where the rows replace all that was handed out before: at the beginning,
        after points were dropped, or where more came than the window holds (then the older ones are the telling
        points).
        """
        new = self._cursor - cursor
        reset = cursor <= 0 or cursor < self._dropped_at or not 0 <= new <= self._points.size
        frame = self._frame_of(self._points.rows_from(0.0) if reset else self._points.tail(new))
        frame.attrs["reset"] = reset
        return self._cursor, frame

    def _checked(self, columns: Mapping[str, ArrayLike]) -> Floats:
        missing = [name for name in self.columns if name not in columns]
        if missing:
            raise ValueError(
                f"points need the columns {', '.join(self.columns)}; {', '.join(missing)} missing"
            )
        arrays = [np.asarray(columns[name]) for name in self.columns]
        if len({array.shape for array in arrays}) != 1 or arrays[0].ndim != 1:
            raise ValueError("columns of points are flat and of one length")
        if not self._taken:
            named = zip(self.columns, arrays, strict=True)
            self._whole_numbers = frozenset(name for name, array in named if array.dtype.kind in "iu")
        rows = np.array(arrays, dtype=np.float64)
        if rows.shape[1] and not (rows[0, 0] >= 0 and (rows[0, 1:] > rows[0, :-1]).all()):
            raise ValueError(f"{self.axis} ascends from 0 or more")
        return rows

    def _drop_from(self, position: float) -> None:
        self._cursor += 1
        self._dropped_at = self._cursor
        self._views.clear()
        self._points.drop_from(position)

    def _named(self, columns: Iterable[str] | None) -> tuple[str, ...]:
        if columns is None:
            return self.columns
        names = (self.axis, *(name for name in dict.fromkeys(columns) if name != self.axis))
        unknown = [name for name in names if name not in self.columns]
        if unknown:
            raise KeyError(f"no column {unknown[0]!r}; there are {', '.join(self.columns)}")
        return names

    def _column(self, name: str, values: Floats) -> Floats | NDArray[np.int64]:
        return values.astype(np.int64) if name in self._whole_numbers else values

    def _frame_of(self, rows: Floats) -> pd.DataFrame:
        import pandas as pd  # noqa: PLC0415 - loads for longer than the core

        return pd.DataFrame({name: self._column(name, rows[i].copy()) for i, name in enumerate(self.columns)})

    def _drawn(self, key: ViewKey, lines: list[Line]) -> Floats:
        """The points of a chart; only what is new since it was last drawn is looked at."""
        points, names = self._points, key[2]
        asked = [self.columns.index(name) for name in names]
        carried = list(points.lines)
        below = [len(self.columns) + carried.index(line) for line in lines]
        blank = np.empty((len(asked) + len(below), 0))
        view = self._views.pop(key, None) or _View(key[0], len(names), 1.0, 0.0, blank)
        fresh = points.rows_from(view.closed_to)
        drawn = view.add(fresh[asked + below])
        if view.width < points.width and fresh.shape[1] > points.size and points.replay is not None:
            view, states = _View(key[0], len(names), 1.0, 0.0, blank), no_states(lines)
            drawn = blank
            for rows in points.again(0.0, (points.last or 0.0) + 1, states):
                piece = rows[[*asked, *range(len(self.columns), len(rows))]]
                drawn = view.add(np.concatenate((drawn[:, view.rows.shape[1] :], piece), axis=1))
        self._views[key] = view
        while len(self._views) > _VIEWS_KEPT:
            self._views.popitem(last=False)
        return drawn


class MetricsStore:
    """Series by id, the most recently used ones; what is dropped is built again when asked for.

    Args:
        keep: series at most.
    """

    def __init__(self, keep: int = 64) -> None:
        self._keep = keep
        self._series: OrderedDict[str, MetricSeries] = OrderedDict()

    def __contains__(self, key: object) -> bool:
        return key in self._series

    def series(self, key: str, build: Callable[[], MetricSeries]) -> MetricSeries:
        """The series of an id, built where it is not kept."""
        if key not in self._series:
            self._series[key] = build()
        self._series.move_to_end(key)
        while len(self._series) > self._keep:
            self._series.popitem(last=False)
        return self._series[key]

    def drop(self, key: str) -> None:
        """Forget a series."""
        self._series.pop(key, None)


@lru_cache(maxsize=256)
def _labels(names: tuple[str, ...]) -> pd.Index:
    """The labels of a frame; kept, since a new index is hashed at its first use, which takes as long as the rest."""
    import pandas as pd  # noqa: PLC0415 - loads for longer than the core

    return pd.Index(names)
