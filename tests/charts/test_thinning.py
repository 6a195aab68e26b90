"""Fewer points of a chart: no spike is lost, and points stay where they are."""

import numpy as np
import pandas as pd
import pytest

from vapor_core.charts.thinning import thinned


def traffic(rows, first=0):
    at = np.arange(first, first + rows)
    return pd.DataFrame({"elapsed_s": at * 5.0, "rate": np.sin(at), "p95": np.cos(at)})


@pytest.mark.parametrize("spike_at", [0, 17, 500, 719])
def test_no_spike_is_lost(spike_at):
    frame = traffic(720)
    frame.loc[spike_at, "p95"] = 1e6
    few = thinned(frame, "elapsed_s", ("rate", "p95"), 3600.0, 200)
    assert len(few) <= 220
    assert few["p95"].max() == 1e6
    assert few["elapsed_s"].iloc[[0, -1]].tolist() == [0.0, 719 * 5.0]


def test_points_stay_where_they_are_while_the_chart_moves_on():
    before, after = (
        thinned(traffic(720, first), "elapsed_s", ("rate",), 3600.0, 200) for first in (720, 732)
    )
    inner = (after["elapsed_s"] > 732 * 5 + 100) & (after["elapsed_s"] < 1440 * 5 - 100)
    assert set(after["elapsed_s"][inner]) <= set(before["elapsed_s"])


def test_few_points_are_all_drawn_and_missing_ones_are_no_extremes():
    assert len(thinned(traffic(50), "elapsed_s", ("rate",), 250.0, 200)) == 50
    assert len(thinned(traffic(720).assign(rate=np.nan), "elapsed_s", ("rate",), 3600.0, 200)) <= 200
