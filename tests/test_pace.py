"""Refreshing less often is better than lagging, and is said."""

from vapor_ui.pace import BUSY, LONGEST_S, Pace


def run(pace, *took_s):
    for each in took_s:
        pace = pace.after(each)
    return pace


def test_quick_refreshes_come_each_second_without_a_word():
    assert run(Pace(), *[0.03] * 20).interval_s == 1.0
    assert run(Pace(), *[0.03] * 20).sentence == ""


def test_one_slow_refresh_stretches_nothing():
    assert run(Pace(), 0.03, 1.2, 0.03).interval_s == 1.0


def test_a_busy_server_is_asked_less_often_and_it_is_said():
    slow = run(Pace(), *[0.9] * 10)
    assert slow.interval_s >= 2.0
    assert BUSY * 4 * slow.interval_s >= 0.9
    assert f"every {slow.interval_s:.0f} seconds" in slow.sentence


def test_it_never_stretches_without_end():
    assert run(Pace(), *[1e3] * 50).interval_s == LONGEST_S


def test_it_comes_back_when_the_server_is_quick_again():
    assert run(run(Pace(), *[2.0] * 20), *[0.02] * 60).interval_s == 1.0


def test_a_steady_load_settles_instead_of_swinging():
    pace = run(Pace(), *[0.7] * 40)
    assert {run(pace, *[0.7] * k).interval_s for k in range(40)} == {pace.interval_s}
