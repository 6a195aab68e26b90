"""Who gets which cards when."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vapor_core.backends.simulated.card_queue import CardRequest, allocate


def lasting(durations):
    return lambda job_id, granted_s: granted_s + durations[job_id]


def test_jobs_start_at_once_while_there_is_room():
    requests = [CardRequest("a", 4, 8, 0.0), CardRequest("b", 4, 8, 1.0)]
    assert allocate(requests, lasting({"a": 100, "b": 100})) == {"a": 0.0, "b": 1.0}


def test_a_job_waits_for_the_first_release_that_makes_room():
    requests = [CardRequest("a", 4, 8, 0.0), CardRequest("b", 4, 8, 1.0), CardRequest("c", 4, 8, 2.0)]
    assert allocate(requests, lasting({"a": 100, "b": 50, "c": 10}))["c"] == 51.0


def test_nobody_overtakes():
    requests = [CardRequest("a", 6, 8, 0.0), CardRequest("big", 8, 8, 1.0), CardRequest("small", 1, 8, 2.0)]
    assert allocate(requests, lasting({"a": 100, "big": 10, "small": 1})) == {
        "a": 0.0,
        "big": 100.0,
        "small": 110.0,
    }


def test_who_leaves_the_queue_makes_way_from_then_on():
    requests = [
        CardRequest("a", 8, 8, 0.0),
        CardRequest("gone", 8, 8, 1.0, withdrawn_s=30.0),
        CardRequest("next", 8, 8, 2.0),
    ]
    assert allocate(requests, lasting({"a": 100, "next": 1})) == {"a": 0.0, "gone": inf, "next": 100.0}
    requests = [
        CardRequest("a", 6, 8, 0.0),
        CardRequest("gone", 8, 8, 1.0, withdrawn_s=30.0),
        CardRequest("next", 2, 8, 2.0),
    ]
    assert allocate(requests, lasting({"a": 100, "next": 1}))["next"] == 30.0


def test_jobs_from_before_second_0_do_not_all_get_their_cards_at_second_0():
    requests = [
        CardRequest("a", 6, 8, -500.0),
        CardRequest("b", 6, 8, -400.0),
        CardRequest("c", 2, 8, -399.0),
    ]
    granted = allocate(requests, lasting({"a": 150, "b": 100, "c": 1}))
    assert granted == {"a": -500.0, "b": -350.0, "c": -350.0}


@given(st.floats(-1e6, 1e6))
def test_second_0_is_an_instant_like_any_other(shift_s):
    spans = [(6, 0.0), (4, 10.0), (8, 10.0), (1, 40.0)]

    def granted(begin_s):
        requests = [
            CardRequest(str(number), cards, 8, begin_s + at) for number, (cards, at) in enumerate(spans)
        ]
        return allocate(requests, lasting({"0": 30.0, "1": 60.0, "2": 5.0, "3": 1.0}))

    shifted = [at_s + shift_s for at_s in granted(0.0).values()]
    assert list(granted(shift_s).values()) == pytest.approx(shifted, abs=1e-6)


def test_a_paused_job_keeps_its_cards():
    requests = [CardRequest("paused", 8, 8, 0.0), CardRequest("next", 8, 8, 1.0)]
    assert allocate(requests, lambda job_id, at: inf) == {"paused": 0.0, "next": inf}


@given(
    st.lists(
        st.tuples(st.integers(1, 8), st.floats(0, 50), st.floats(1, 100), st.none() | st.floats(0, 100)),
        min_size=1,
        max_size=12,
    )
)
def test_no_more_cards_are_held_than_there_are_and_order_is_kept(jobs):
    now, requests, lasts = 0.0, [], {}
    for number, (cards, wait, duration, leaves) in enumerate(jobs):
        now += wait
        withdrawn = inf if leaves is None else now + leaves
        requests.append(CardRequest(str(number), cards, 8, now, withdrawn))
        lasts[str(number)] = duration
    ends = lambda job_id, at: min(at + lasts[job_id], requests[int(job_id)].withdrawn_s)  # noqa: E731
    granted = allocate(requests, ends)
    started = [(granted[request.job_id], request) for request in requests if granted[request.job_id] < inf]
    held = [
        sum(other.cards for other_at, other in started if other_at <= at_s < ends(other.job_id, other_at))
        for at_s, _ in started
    ]
    assert [at_s for at_s, _ in started] == sorted(at_s for at_s, _ in started)
    assert all(request.submitted_s <= at_s < request.withdrawn_s for at_s, request in started)
    assert max(held, default=0) <= 8
    first = requests[0]
    assert granted["0"] == (first.submitted_s if first.submitted_s < first.withdrawn_s else inf)
    without_last = allocate(requests[:-1], ends)
    assert without_last == {key: granted[key] for key in without_last}
