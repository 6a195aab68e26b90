"""Detectors are held to what they were scored on: few false alarms, few sick runs missed, the right step."""

import pytest

from benchmarks.fidelity import findings

pytestmark = pytest.mark.slow


def test_healthy_runs_are_left_in_peace_and_sick_ones_told_near_the_right_step():
    rows = findings.rows()
    for target in findings.TARGETS:
        of_kind = [row for row in rows if row.kind == target.kind]
        assert len(of_kind) >= 190
        assert target.holds(of_kind), target.kind
