"""Refreshing less often is better than lagging, and is said."""

from vapor_ui.shell.refresh_rate import BUSY, LONGEST_S, RefreshRate


def run(rate, *took_s):
    for each in took_s:
        rate = rate.after(each)
    return rate


def test_quick_refreshes_come_each_second_without_a_word():
    assert run(RefreshRate(), *[0.03] * 20).interval_s == 1.0
    assert run(RefreshRate(), *[0.03] * 20).sentence == ""


def test_one_slow_refresh_stretches_nothing():
    assert run(RefreshRate(), 0.03, 1.2, 0.03).interval_s == 1.0


def test_a_busy_server_is_asked_less_often_and_it_is_said():
    slow = run(RefreshRate(), *[0.9] * 10)
    assert slow.interval_s >= 2.0
    assert BUSY * 4 * slow.interval_s >= 0.9
    assert f"every {slow.interval_s:.0f} seconds" in slow.sentence


def test_it_never_stretches_without_end():
    assert run(RefreshRate(), *[1e3] * 50).interval_s == LONGEST_S


def test_it_comes_back_when_the_server_is_quick_again():
    assert run(run(RefreshRate(), *[2.0] * 20), *[0.02] * 60).interval_s == 1.0


def test_a_steady_load_settles_instead_of_swinging():
    rate = run(RefreshRate(), *[0.7] * 40)
    assert {run(rate, *[0.7] * k).interval_s for k in range(40)} == {rate.interval_s}
