"""How many requests per second people send: four scenarios as closed forms of time.

Times are seconds since the endpoint began to take requests. A scenario runs between the rates `low` and `high`.
"""

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.serving import Demand, Traffic

DAY_S = 86_400.0
RAMP_S = 7_200.0  # to the plateau
QUIET = 0.1  # of a demand's largest rate, between its busy hours
STEADY_LEVEL = 0.35  # of the way from low to high
SPIKE_BASE = 0.15  # of the way from low to high, between the spikes
SPIKE_EVERY_S = 14_400.0  # six a day
SPIKE_FIRST_S = 1_800.0
SPIKE_RISE_S = 30.0
SPIKE_HOLD_S = 300.0
SPIKE_FADE_S = 600.0
# The daily scenario: mean, amplitude and phase (radians) of the day's swing, and of its second harmonic. Chosen so
# that it begins on the morning's rise and has a broad evening peak and a short night trough.
DAY_MEAN, DAY_SWING, DAY_PHASE = 0.55, 0.5, 0.6
HALF_DAY_SWING, HALF_DAY_PHASE = 0.13, 0.3
INVERTED_BELOW = 30.0  # requests a tick; inverting takes a pass for each request


def request_rate(
    traffic: Traffic, seconds: NDArray[np.float64], low: float, high: float
) -> NDArray[np.float64]:
    """Requests per second at each time, shape of `seconds`; 0 before time 0.

    "steady" keeps a level in between; "daily" falls and rises over 24 hours and begins on the morning's rise;
    "spike" leaps from a low base to `high` six times a day and fades; "ramp" grows to `high` in two hours.
    """
    level = _LEVELS[traffic](np.maximum(seconds, 0.0))
    return np.asarray(np.where(seconds < 0, 0.0, low + (high - low) * level))


def demanded(demand: Demand, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Requests per second that a person's demand makes at each time; 0 before time 0.

    "steady" is the demand itself; the other scenarios rise to it from QUIET of it.
    """
    most = demand.requests_per_second
    if demand.pattern == "steady":
        return np.asarray(np.where(seconds < 0, 0.0, most))
    return request_rate(demand.pattern, seconds, QUIET * most, most)


def poisson(
    mean: NDArray[np.float64], normal: NDArray[np.float64], uniform: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Poisson counts of the given means: by inversion of `uniform` below INVERTED_BELOW, above it by `normal`.

    The normal form is the first two terms of the Cornish-Fisher expansion: with a Poisson count's skewness of
    1 / sqrt(mean) the quantile is mean + sqrt(mean) z + (z**2 - 1) / 6.
    """
    count = np.maximum(np.rint(mean + np.sqrt(mean) * normal + (normal**2 - 1) / 6), 0.0)
    few = mean < INVERTED_BELOW
    if few.any():
        rate, draw = mean[few], uniform[few]
        found, term = np.zeros(rate.size), np.exp(-rate)
        total = term.copy()
        for k in range(1, round(4 * INVERTED_BELOW)):  # no count in sight is as large
            above = draw > total
            if not above.any():
                break
            found += above
            term = term * rate / k
            total = total + term
        count[few] = found
    return np.asarray(np.where(mean > 0, count, 0.0))


def _steady(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.full_like(seconds, STEADY_LEVEL)


def _daily(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    day = 2 * np.pi * seconds / DAY_S
    swing = DAY_MEAN + DAY_SWING * np.sin(day - DAY_PHASE)
    swing = swing + HALF_DAY_SWING * np.sin(2 * day - HALF_DAY_PHASE)
    return np.asarray(np.clip(swing, 0.0, 1.0))


def _spike(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    into = (seconds - SPIKE_FIRST_S) % SPIKE_EVERY_S
    rise = np.minimum(into / SPIKE_RISE_S, 1.0)
    fade = np.exp(-np.maximum(into - SPIKE_RISE_S - SPIKE_HOLD_S, 0.0) / SPIKE_FADE_S)
    leap = np.where(seconds < SPIKE_FIRST_S, 0.0, rise * fade)
    return np.asarray(SPIKE_BASE + (1 - SPIKE_BASE) * leap)


def _ramp(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth from 0 to 1, flat at both ends."""
    done = np.clip(seconds / RAMP_S, 0.0, 1.0)
    return np.asarray(done * done * (3 - 2 * done))


_LEVELS = {"steady": _steady, "daily": _daily, "spike": _spike, "ramp": _ramp}
