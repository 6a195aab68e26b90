"""Sending less must show the same."""

import numpy as np
import pandas as pd
import pytest

from vapor_core.charts.stream import looks_new, table


def run(steps, loss=2.0):
    at = np.arange(steps)
    return pd.DataFrame(
        {"step": at, "loss": np.linspace(4.0, loss, steps), "eval_loss": np.full(steps, np.nan)}
    )


def new(drawn, points):
    return looks_new(drawn, points, "step", ("loss", "eval_loss"))


def test_numbers_are_sent_in_four_bytes_and_missing_ones_as_missing():
    sent = table(run(100).assign(eval_loss=[*[np.nan] * 99, 3.0]))
    assert [str(kind) for kind in sent.schema.types] == ["int32", "float", "float"]
    assert sent.column("eval_loss").null_count == 99


def test_positions_that_four_bytes_cannot_tell_apart_keep_eight():
    sent = table(pd.DataFrame({"elapsed_s": 1e9 + 5.0 * np.arange(100.0), "tokens": 10**12 + np.arange(100)}))
    assert np.all(np.diff(sent.column("elapsed_s").to_numpy()) == 5.0)
    assert np.all(np.diff(sent.column("tokens").to_numpy()) == 1)


def test_positions_after_missing_ones_are_told_apart_too():
    at = np.concatenate(([np.nan] * 3, 1e9 + 5.0 * np.arange(100.0)))
    sent = table(pd.DataFrame({"elapsed_s": at})).column("elapsed_s")
    assert sent.null_count == 3
    assert np.all(np.diff(sent.drop_null().to_numpy()) == 5.0)


def test_a_fork_over_time_is_not_new_at_each_tick_for_what_it_inherited():
    at = np.concatenate(([np.nan] * 50, np.arange(10_000.0)))
    drawn = pd.DataFrame({"elapsed_s": at, "loss": np.linspace(4.0, 2.0, at.size)})
    assert not looks_new(drawn, drawn.copy(), "elapsed_s", ("loss",))
    assert looks_new(drawn[:5000], drawn, "elapsed_s", ("loss",))


def test_numbers_too_great_for_four_bytes_stay_finite():
    assert np.isfinite(table(pd.DataFrame({"loss": [1e300, 1.0]})).column("loss").to_numpy()).all()


def test_words_are_sent_as_they_are():
    assert table(pd.DataFrame({"job": ["a", "b"]})).column("job").to_pylist() == ["a", "b"]


def test_points_that_move_nothing_by_a_pixel_are_not_news():
    assert not new(run(10_000), run(10_005, loss=2.0))


@pytest.mark.parametrize(
    "points",
    [
        run(10_020),  # two pixels longer
        run(9_000),  # rewound
        run(10_005).assign(loss=[*run(10_004)["loss"], 9.0]),  # a spike
        run(10_005).assign(loss=[*run(10_004)["loss"], 0.1]),
        run(10_005).assign(eval_loss=[*[np.nan] * 10_004, 3.0]),  # the first evaluation
        run(10_000).assign(extra=1.0),
    ],
)
def test_what_a_person_would_see_is_news(points):
    assert new(run(10_000), points)


def test_the_first_points_are_news_and_none_after_none_are_not():
    assert new(run(0), run(1))
    assert not new(run(0), run(0))


def test_a_window_that_has_moved_on_by_less_than_a_pixel_is_not_news():
    hour = run(10_000)
    assert not new(hour[:9_000], hour[5:9_005])
    assert new(hour[:9_000], hour[20:9_020])
    assert not looks_new(hour[:9_000], hour[20:9_020], "step", ("loss",), pixels=100)
