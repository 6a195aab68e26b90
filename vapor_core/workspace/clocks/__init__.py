"""How a workspace's time runs against the caller's clock.

callers_clock: What a caller's clock means in a workspace, where some event was dated by a clock that was far
    ahead.
timeline: How simulated time ran: speeds and leaps by the caller's clock.
two_clocks: What real work tells by the wall clock, in a workspace's simulated time: so that one list can hold
    both.
"""
