"""Series of metrics: bounded, true at every zoom, and the same however they came in."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vapor_core.metrics.series import MetricSeries, MetricsStore

COLUMNS = ("step", "loss", "eval_loss", "tokens")


def run_of(length: int, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    steps = np.arange(length)
    loss = 2 + random.standard_normal(length)
    return {
        "step": steps,
        "loss": loss,
        "eval_loss": np.where(steps % 37 == 36, loss + 1, np.nan),
        "tokens": steps * 100.0,
    }


def cut(columns, start, stop):
    return {name: values[start:stop] for name, values in columns.items()}


def series_of(columns, replay=False, chunks=(), **sizes):
    series = MetricSeries(COLUMNS, replay=(lambda a, b: cut(columns, a, b)) if replay else None, **sizes)
    edges = [0, *sorted(chunks), len(columns["step"])]
    for start, stop in pairwise(edges):
        series.append(cut(columns, start, stop))
    return series


def naive_smoothing(steps, values, weight):
    above = below = 0.0
    before, line = steps[0], []
    for step, value in zip(steps, values, strict=True):
        decay = weight ** float(step - before)
        above, below, before = above * decay, below * decay, step
        if np.isnan(value):
            line.append(np.nan)
            continue
        above, below = above + value, below + 1
        line.append(above / below)
    return np.array(line)


def naive_frame(columns, max_points, names):
    """The rule of the design, without any state: least power of two whose closed buckets leave room for one."""
    frame = pd.DataFrame(cut(columns, None, None))[["step", *names]]
    if len(frame) <= max_points:
        return frame
    room, width = max(max_points - (2 + 4 * len(names)), 0), 2
    while True:
        bucket = frame["step"] // width
        keep = set()
        for _, part in frame.groupby(bucket):
            keep |= {part.index[0], part.index[-1]}
            for name in names:
                present = part[name].dropna()
                if len(present):
                    keep |= {present.index[0], present.index[-1], present.idxmin(), present.idxmax()}
        drawn = frame.loc[sorted(keep)]
        if (drawn["step"] < frame["step"].iloc[-1] // width * width).sum() <= room:
            return drawn.reset_index(drop=True)
        width *= 2


@pytest.fixture(scope="module")
def long_run():
    return run_of(20_000)


def test_a_short_series_is_drawn_whole():
    columns = run_of(1000)
    frame = series_of(columns).frame(max_points=1000)
    pd.testing.assert_frame_equal(frame, pd.DataFrame(columns))


@pytest.mark.slow
@given(
    length=st.integers(1, 3000),
    max_points=st.integers(1, 300),
    names=st.sampled_from([("loss",), ("loss", "eval_loss"), ("eval_loss", "tokens")]),
)
def test_a_chart_is_what_the_rule_says_of_all_points(length, max_points, names):
    columns = run_of(length)
    series = series_of(columns, window=64, buckets=512)
    pd.testing.assert_frame_equal(
        series.frame(max_points=max_points, columns=names), naive_frame(columns, max_points, names)
    )


@given(
    length=st.integers(1, 3000),
    cuts=st.sets(st.integers(1, 2999), max_size=12),
    looks=st.integers(0, 3),
    max_points=st.sampled_from([1, 7, 50, 300, 2000]),
)
def test_points_do_not_depend_on_how_they_came_in_or_how_often_one_looked(length, cuts, looks, max_points):
    columns = run_of(length)
    whole = series_of(columns, replay=True, window=50, buckets=40)
    pieces = MetricSeries(COLUMNS, window=50, buckets=40, replay=lambda a, b: cut(columns, a, b))
    edges = [0, *sorted(at for at in cuts if at < length), length]
    for number, (start, stop) in enumerate(pairwise(edges)):
        pieces.append(cut(columns, start, stop))
        if number < looks:
            pieces.frame(max_points=max_points, smoothing=0.9)
    pd.testing.assert_frame_equal(
        pieces.frame(max_points=max_points, smoothing=0.9),
        whole.frame(max_points=max_points, smoothing=0.9),
        rtol=1e-9,
    )


@given(
    at=st.integers(0, 19_999),
    height=st.sampled_from([50.0, -50.0]),
    column=st.sampled_from(["loss", "tokens"]),
)
def test_a_spike_never_vanishes(long_run, at, height, column):
    columns = {name: values.copy() for name, values in long_run.items()}
    columns[column] = columns[column].astype(float)
    columns[column][at] += height * 1e5
    for max_points in (20, 1000):
        frame = series_of(columns, window=256, buckets=64).frame(max_points=max_points, columns=[column])
        assert at in set(frame["step"])


def test_a_spike_of_a_column_with_missing_values_never_vanishes(long_run):
    columns = {name: values.copy() for name, values in long_run.items()}
    columns["eval_loss"][37 * 100 + 36] = 99.0
    frame = series_of(columns, window=256, buckets=64).frame(max_points=100, columns=["eval_loss"])
    assert frame["eval_loss"].max() == 99.0


@pytest.mark.parametrize("max_points", [1, 10, 100, 1000, 5000])
def test_no_more_points_than_asked_beyond_one_bucket(long_run, max_points):
    frame = series_of(long_run).frame(max_points=max_points)
    assert len(frame) <= max(max_points, 2 + 4 * 3)
    assert frame["step"].iloc[-1] == 19_999


def test_points_do_not_move_while_a_run_grows(long_run):
    series = MetricSeries(COLUMNS, window=300, buckets=256)
    before: set[int] = set()
    for start in range(0, 20_000, 137):
        series.append(cut(long_run, start, start + 137))
        drawn = set(series.frame(max_points=200, columns=["loss"])["step"])
        old = {step for step in drawn if step < start - 512}
        assert old <= before, "a point that was not drawn came back"
        before |= drawn


def test_memory_is_bounded_for_a_million_points():
    series = MetricSeries(COLUMNS)
    held = []
    for start in range(0, 1_000_000, 50_000):
        columns = run_of(50_000, seed=start)
        columns["step"] = columns["step"] + start
        series.append(columns)
        series.frame(smoothing=0.9)
        held.append(series.stored_values)
    assert len(series) == 1_000_000
    assert max(held) < 200_000
    assert max(held[10:]) < 1.5 * max(held[2:10])


@pytest.mark.parametrize("weight", [0.1, 0.6, 0.9, 0.99, 0.9999])
@pytest.mark.parametrize("column", ["loss", "eval_loss"])
def test_smoothing_is_the_debiased_average_of_all_points(long_run, weight, column):
    series = series_of(long_run, replay=True, window=500, buckets=100, chunks=[7, 3000, 3001])
    frame = series.frame(max_points=400, smoothing=weight, columns=[column])
    expected = naive_smoothing(long_run["step"], long_run[column], weight)[frame["step"]]
    np.testing.assert_allclose(frame[f"{column}_smoothed"], expected, rtol=1e-9)


def test_smoothing_goes_by_distance_not_by_count():
    steps = np.cumsum(np.random.default_rng(3).integers(1, 30, 700))
    values = np.random.default_rng(4).standard_normal(700)
    series = MetricSeries(("loss",))
    series.append({"step": steps[:200], "loss": values[:200]})
    series.frame(smoothing=0.95)
    series.append({"step": steps[200:], "loss": values[200:]})
    frame = series.frame(smoothing=0.95)
    np.testing.assert_allclose(frame["loss_smoothed"], naive_smoothing(steps, values, 0.95), rtol=1e-9)


def test_a_running_and_a_finished_run_are_smoothed_alike(long_run):
    running = series_of(cut(long_run, 0, 9000), replay=True)
    finished = series_of(long_run, replay=True)
    left = running.frame(max_points=10_000, smoothing=0.9, columns=["loss"])
    right = finished.frame(max_points=20_000, smoothing=0.9, columns=["loss"])
    np.testing.assert_allclose(left["loss_smoothed"], right["loss_smoothed"][:9000], rtol=1e-9)


def test_raw_values_stay_beside_smoothed_ones_and_steady_columns_get_none():
    frame = series_of(run_of(50)).frame(smoothing=0.5)
    assert list(frame.columns) == [*COLUMNS, "loss_smoothed", "eval_loss_smoothed"]


@pytest.mark.slow
def test_many_smoothings_do_not_pile_up(long_run):
    series = series_of(long_run, replay=True, window=500, buckets=100)
    for weight in np.linspace(0.1, 0.99, 40):
        frame = series.frame(max_points=200, smoothing=float(weight))
        expected = naive_smoothing(long_run["step"], long_run["loss"], weight)[frame["step"]]
        np.testing.assert_allclose(frame["loss_smoothed"], expected, rtol=1e-9)
    assert series.stored_values < 60_000


@pytest.mark.slow
def test_replay_makes_a_wide_chart_exact(long_run):
    series = series_of(long_run, replay=True, window=100, buckets=16)
    pd.testing.assert_frame_equal(
        series.frame(max_points=4000, columns=["loss"]), naive_frame(long_run, 4000, ("loss",))
    )


@given(position=st.integers(0, 3100), more=st.integers(0, 200), replay=st.booleans())
def test_after_a_rewind_it_is_as_if_the_later_points_never_were(position, more, replay):
    first, second = run_of(3000, seed=1), run_of(3300, seed=2)
    kept = min(position + 1, 3000)
    truth = {name: np.concatenate((first[name][:kept], second[name][kept : kept + more])) for name in first}
    visible = [first]
    series = MetricSeries(
        COLUMNS,
        window=100 if replay else 4096,
        replay=(lambda a, b: cut(visible[0], a, b)) if replay else None,
    )
    series.append(first)
    series.frame(smoothing=0.8)
    visible[0] = truth
    series.rewind(position)
    series.append(cut(truth, kept, kept + more))
    expected = series_of(truth).frame(max_points=100, smoothing=0.8)
    pd.testing.assert_frame_equal(series.frame(max_points=100, smoothing=0.8), expected, rtol=1e-9)


def test_a_rewind_without_replay_keeps_only_true_points_before_the_cut(long_run):
    series = series_of(long_run, window=100, buckets=16)
    series.rewind(5000)
    frame = series.frame(max_points=1000)
    assert frame["step"].max() <= 5000
    np.testing.assert_array_equal(frame["loss"], long_run["loss"][frame["step"]])


def test_the_last_attempt_wins():
    series = series_of(run_of(60))
    again = run_of(70, seed=5)
    series.append(cut(again, 50, 70))
    frame = series.frame()
    assert frame["step"].tolist() == list(range(70))
    assert frame["loss"][50:].tolist() == again["loss"][50:].tolist()
    assert len(series) == 80


def test_since_hands_out_each_point_once():
    columns, cursor, taken = run_of(500), 0, []
    series = MetricSeries(COLUMNS)
    for start in range(0, 500, 31):
        series.append(cut(columns, start, start + 31))
        cursor, new = series.since(cursor)
        assert new.attrs["reset"] == (start == 0)
        taken += new["step"].tolist()
    assert taken == list(range(500))
    cursor, new = series.since(cursor)
    assert new.empty
    assert not new.attrs["reset"]


def test_since_tells_of_a_rewind_by_a_reset():
    series = series_of(run_of(100))
    cursor, _ = series.since(0)
    series.rewind(49)
    series.append(cut(run_of(200, seed=9), 50, 180))
    cursor, new = series.since(cursor)
    assert new.attrs["reset"]
    assert new["step"].tolist() == list(range(180))
    cursor, new = series.since(cursor)
    assert new.empty
    assert not new.attrs["reset"]


def test_since_a_cursor_older_than_the_window_starts_over(long_run):
    series = series_of(long_run, window=100, buckets=16)
    _, new = series.since(3)
    assert new.attrs["reset"]
    assert new["step"].iloc[0] == 0
    assert new["step"].tolist()[-100:] == list(range(19_900, 20_000))


def test_latest_and_tail_are_the_end_at_full_resolution(long_run):
    series = series_of(long_run)
    assert series.latest()["step"] == 19_999
    assert series.latest()["loss"] == long_run["loss"][-1]
    assert series.tail(300)["step"].tolist() == list(range(19_700, 20_000))


def test_an_empty_series_has_empty_answers():
    series = MetricSeries(COLUMNS)
    assert len(series) == 0
    assert series.latest() == {}
    assert series.frame(smoothing=0.9).empty
    assert series.tail(5).empty
    assert series.since(0)[1].empty


def test_whole_numbers_stay_whole():
    frame = series_of(run_of(10)).frame()
    assert frame["step"].dtype == np.int64
    assert frame["tokens"].dtype == np.float64


def test_what_was_handed_out_never_changes():
    series = series_of(run_of(100))
    frame, tail = series.frame(), series.tail(10)
    kept = frame.copy(), tail.copy()
    series.rewind(20)
    series.append(cut(run_of(5000, seed=8), 21, 5000))
    pd.testing.assert_frame_equal(frame, kept[0])
    pd.testing.assert_frame_equal(tail, kept[1])


def test_scribbling_on_a_frame_changes_nothing(long_run):
    series = series_of(long_run)
    first = series.frame()
    kept = first.copy()
    first.loc[:, "loss"] = -1.0
    tail = series.tail(5)
    tail.loc[:, "loss"] = -1.0
    pd.testing.assert_frame_equal(series.frame(), kept)


def test_other_axes_than_steps_are_bucketed_too():
    series = MetricSeries(("p95_ms",), axis="elapsed_s", window=64, buckets=32)
    at = np.arange(1, 5001) * 5.0
    values = np.where(at == 12_345.0, 900.0, 100.0)
    series.append({"elapsed_s": at, "p95_ms": values})
    frame = series.frame(max_points=50)
    assert len(frame) <= 50
    assert frame["p95_ms"].max() == 900.0


def test_a_replay_with_empty_pieces_is_exact_all_the_same():
    steps = np.concatenate((np.arange(5000), np.arange(200_000, 205_000)))
    loss = np.random.default_rng(0).standard_normal(steps.size)

    def again(start, stop):
        inside = (steps >= start) & (steps < stop)
        return {"step": steps[inside], "loss": loss[inside]}

    series = MetricSeries(("loss",), window=64, buckets=32, replay=again)
    series.append({"step": steps, "loss": loss})
    frame = series.frame(max_points=200, smoothing=0.9)
    expected = naive_smoothing(steps, loss, 0.9)[np.searchsorted(steps, frame["step"])]
    np.testing.assert_allclose(frame["loss_smoothed"], expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"step": [0, 1]}, "loss missing"),
        ({"step": [0, 1], "loss": [1.0]}, "one length"),
        ({"step": [1, 1], "loss": [1.0, 2.0]}, "ascends"),
        ({"step": [-1, 1], "loss": [1.0, 2.0]}, "ascends"),
    ],
)
def test_points_out_of_order_are_refused(columns, told):
    with pytest.raises(ValueError, match=told):
        MetricSeries(("loss",)).append(columns)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_smoothing_outside_its_range_is_refused(smoothing):
    with pytest.raises(ValueError, match="smoothing"):
        series_of(run_of(5)).frame(smoothing=smoothing)


def test_an_unknown_column_is_named():
    with pytest.raises(KeyError, match="no column 'lost'"):
        series_of(run_of(5)).frame(columns=["lost"])


def test_the_store_keeps_the_most_recently_used():
    store = MetricsStore(keep=2)
    first = store.series("a", lambda: MetricSeries(COLUMNS))
    store.series("b", lambda: MetricSeries(COLUMNS))
    assert store.series("a", lambda: MetricSeries(COLUMNS)) is first
    store.series("c", lambda: MetricSeries(COLUMNS))
    assert ["a" in store, "b" in store, "c" in store] == [True, False, True]
    assert store.series("a", lambda: MetricSeries(COLUMNS)) is first
    store.drop("a")
    assert ["a" in store, "c" in store] == [False, True]
