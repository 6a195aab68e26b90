"""A sparkline's picture holds the whole course, and nothing of it is cut off."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vapor_ui.parts.sparkline import EDGE, HEIGHT, WIDTH, picture

FINITE = st.floats(-1e12, 1e12)


def points(svg: str) -> list[tuple[float, float]]:
    """Of the line, in the picture's own units."""
    line = ElementTree.fromstring(svg).find("{*}polyline")  # noqa: S314 - our own picture
    return [tuple(float(part) for part in point.split(",")) for point in line.get("points").split()]


@given(st.lists(FINITE, min_size=2, max_size=60))
def test_a_course_fills_its_picture_from_edge_to_edge(values):
    drawn = points(picture(values, "#123456"))
    assert len(drawn) == len(values)
    assert (drawn[0][0], drawn[-1][0]) == (0.0, WIDTH)
    assert all(EDGE <= y <= HEIGHT - EDGE for _, y in drawn)


@pytest.mark.parametrize("values", [[1.0, 3.0, 2.0], [-5.0, 0.0, -1.0]])
def test_what_is_higher_stands_higher(values):
    (_, first), (_, second), (_, third) = points(picture(values, "#123456"))
    assert second < third < first


def test_what_does_not_change_is_level():
    assert len({y for _, y in points(picture([7.0] * 5, "#123456"))}) == 1
