"""How many replicas stand by: an autoscaler and its cold starts as closed forms over trailing windows.

Every value at tick k depends on ticks up to k within a fixed window, so any range can be computed on its own.
The rules are those of common autoscalers (Knative, the Kubernetes HPA): a target load, up after the load has
lasted, down only after a stabilisation window of 300 s, which is the HPA's default.
"""

import numpy as np
from numpy.typing import NDArray

TARGET_LOAD = 0.7  # of a replica's saturated rate that the autoscaler aims at
AVERAGED_TICKS = 6  # the load is a mean over 30 s
LASTING_TICKS = 6  # and has to ask for more during 30 s
DOWN_TICKS = 60  # 300 s during which it must ask for less
ROUNDED_DIGITS = 9  # of the replicas asked for, so that a rounding error never asks for one more
LOAD_GB_S = 1.0  # weights from a region's object store or network disk to the card
ENGINE_START_S = 30.0  # container, engine, captured graphs


def cold_start_s(weights_gb: float) -> float:
    """Seconds from asking for a replica to its first answer."""
    return ENGINE_START_S + weights_gb / LOAD_GB_S


def lookback_ticks(cold_ticks: int) -> int:
    """Ticks before the first wanted one that `replicas` needs."""
    return AVERAGED_TICKS + LASTING_TICKS + DOWN_TICKS + cold_ticks


def replicas(
    rate: NDArray[np.float64],
    capacity: float,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    cold_ticks: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Replicas paid for and replicas ready, one value a tick.

    Args:
        rate: requests per second, one value a tick.
        capacity: a replica's saturated rate.
        low: fewest replicas allowed, one value a tick; 0 before the endpoint exists.
        high: most replicas allowed, one value a tick; 0 before the endpoint exists.
        cold_ticks: ticks of a cold start.
    """
    recent = trailing_sum(rate, AVERAGED_TICKS) / AVERAGED_TICKS
    asked = np.ceil(np.round(recent / (TARGET_LOAD * capacity), ROUNDED_DIGITS))
    lasting = -trailing_max(-asked, LASTING_TICKS)
    wanted = np.clip(trailing_max(lasting, DOWN_TICKS), low, high)
    ready = -trailing_max(-wanted, cold_ticks + 1)
    return wanted, ready


def trailing_max(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Largest of the last `window` values at each position; shorter windows at the start."""
    out = values.copy()
    span = 1
    while span < window:
        step = min(span, window - span)
        out[step:] = np.maximum(out[step:], out[:-step].copy()) if step < out.size else out[step:]
        span += step
    return out


def trailing_sum(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Sum of the last `window` values, added in the same order everywhere."""
    out = np.zeros_like(values)
    for back in range(min(window, values.size)):
        out[back:] += values[: values.size - back]
    return out


def backlog(
    arrivals: NDArray[np.float64], served_at_most: NDArray[np.float64], room: NDArray[np.float64], window: int
) -> NDArray[np.float64]:
    """Requests that wait at the end of each tick: a queue with finite room, over a trailing window.

    Each tick maps a queue q to clip(q + arrivals - served_at_most, 0, room). Such maps compose to maps of the
    same kind, so doubling gives every window's composition in log2(window) passes; before the window the queue
    counts as empty.

    Args:
        arrivals: requests that come in a tick.
        served_at_most: requests that the ready replicas finish in a tick.
        room: most requests that may wait.
        window: ticks looked back, a power of two.
    """
    shift = arrivals - served_at_most
    floor = np.zeros_like(shift)
    ceiling = room.astype(np.float64)
    span = 1
    while span < window:
        if span >= shift.size:
            break
        early_shift, early_floor, early_ceiling = shift[:-span], floor[:-span], ceiling[:-span]
        late_shift, late_floor, late_ceiling = shift[span:], floor[span:], ceiling[span:]
        new_floor = np.clip(early_floor + late_shift, late_floor, late_ceiling)
        new_ceiling = np.clip(early_ceiling + late_shift, late_floor, late_ceiling)
        shift = np.concatenate((shift[:span], early_shift + late_shift))
        floor = np.concatenate((floor[:span], new_floor))
        ceiling = np.concatenate((ceiling[:span], new_ceiling))
        span *= 2
    return np.asarray(np.clip(shift, floor, ceiling))
