"""What the Fidelity page tells is what was measured: every kind has sources, and errors follow from the points."""

import pytest

from benchmarks.fidelity import quantile
from vapor_core import fidelity

LINES = [line for table in fidelity.tables() for line in (*table.held, *table.sources)]
# Lines that show every one of their points, so that their errors can be computed again.
WHOLE = [line for line in LINES if line.points and len(line.points) == line.n]


def test_the_laws_of_a_run_and_of_serving_are_all_there():
    kinds = " ".join(table.kind for table in fidelity.tables())
    for law in ("training throughput", "training memory", "fits or out of memory", "serving"):
        assert law in kinds


@pytest.mark.parametrize("table", fidelity.tables(), ids=lambda table: table.kind)
def test_every_kind_names_its_sources(table):
    assert table.sources
    assert all(line.source.strip() and line.kind == table.kind for line in table.sources)
    assert len({line.source for line in table.sources}) == len(table.sources)


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.kind}: {line.source}")
def test_a_line_has_errors_or_a_share_of_right_calls(line):
    assert line.n > 0
    if line.right is None:
        assert 0 <= line.median <= line.p90
    else:
        assert line.median is None
        assert 0 <= line.right <= 1
    assert (line.met is None) == (line.target is None)


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.kind}: {line.source}")
def test_no_more_points_are_shown_than_were_scored_and_each_can_be_drawn_on_a_log_scale(line):
    assert len(line.points) <= line.n
    assert all(predicted > 0 and measured > 0 for predicted, measured in line.points)


def test_some_lines_show_all_their_points():
    assert len(WHOLE) >= 5


@pytest.mark.parametrize("line", WHOLE, ids=lambda line: f"{line.kind}: {line.source}")
def test_errors_are_those_of_the_points_shown(line):
    errors = [abs(predicted / measured - 1) for predicted, measured in line.points]
    assert quantile(errors, 0.5) == pytest.approx(line.median, abs=2e-4)
    assert quantile(errors, 0.9) == pytest.approx(line.p90, abs=5e-4)


@pytest.mark.parametrize("table", [t for t in fidelity.tables() if t.held], ids=lambda table: table.kind)
def test_a_target_is_held_to_all_figures_of_its_kind_or_to_a_part(table):
    assert sum(line.n for line in table.held) <= table.n * len(table.held)
    assert max(line.n for line in table.held) <= table.n
