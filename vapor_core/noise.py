"""The only randomness: keyed, never drawn in sequence.

The value of position k depends on (seed, stream, k) alone. So any range can be produced on its own, in any
order, in any process, and drawing from one stream disturbs no other. Bits come from Philox 4x64
(counter-based, its output is fixed by numpy's compatibility promise), eight 32-bit lanes a block, one lane a
position; the conversion to numbers is our own, since that of numpy's generators may change between versions.
"""

from functools import cache, lru_cache
from hashlib import blake2b

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import DTypeLike, NDArray

_LANES = 8  # positions in one Philox block of 4 x 64 bits
_CHUNK = 16_384  # positions converted at a time, so that the work stays in the processor's cache
_CELL_BITS = 20  # low bits of a lane that interpolate within a cell; the high 12 choose the cell
_CELLS = 1 << (32 - _CELL_BITS)
_TAIL_CELLS = 4  # outermost cells on each side where a straight line would bend the tail


def uniforms(seed: int, stream: str, start: int, stop: int) -> NDArray[np.float64]:
    """Values in the open interval (0, 1) of positions start..stop-1, in steps of 2**-32.

    Args:
        seed: 0 or more.
        stream: any name; every name is a stream of its own.
        start: first position, 0 or more.
        stop: one past the last position.
    """
    return _probability(_lanes(seed, stream, start, stop))


def normals(seed: int, stream: str, start: int, stop: int) -> NDArray[np.float64]:
    """Standard normal values of positions start..stop-1, by inverting the distribution (|value| < 6.4)."""
    return _normal(_lanes(seed, stream, start, stop))


def normals_at(seed: int, stream: str, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """The same of positions that lie near each other, in any order; shape of `positions`, none of them empty."""
    start = int(positions.min())
    return _normal(_lanes(seed, stream, start, int(positions.max()) + 1)[positions - start])


@lru_cache(maxsize=1024)  # names of models and data sets
def normal_of(name: str) -> float:
    """The standard normal value that belongs to a name: what no setting tells of a thing, the same in every run."""
    return float(normals(0, name, 0, 1)[0])


def _normal(lanes: NDArray[np.uint32]) -> NDArray[np.float64]:
    at_zero, slope = _quantile_lines()
    out = np.empty(lanes.size)
    for first in range(0, lanes.size, _CHUNK):
        part = lanes[first : first + _CHUNK]
        cell = (part >> np.uint32(_CELL_BITS)).astype(np.intp)
        into = out[first : first + _CHUNK]
        np.multiply(slope.take(cell), part, out=into)
        into += at_zero.take(cell)
    edge = np.uint32(_TAIL_CELLS << _CELL_BITS)
    tail = np.flatnonzero((lanes + edge) < 2 * edge)  # wraps around: both ends at once
    if tail.size:
        out[tail] = _flank_quantile(_probability(lanes[tail]))
    return out


def exponentials(seed: int, stream: str, start: int, stop: int) -> NDArray[np.float64]:
    """Exponential values of mean 1 of positions start..stop-1."""
    return -np.log(uniforms(seed, stream, start, stop))


def _probability(lanes: NDArray[np.uint32]) -> NDArray[np.float64]:
    return (lanes.astype(np.float64) + 0.5) * 2.0**-32


def _lanes(seed: int, stream: str, start: int, stop: int) -> NDArray[np.uint32]:
    """32 random bits of each position."""
    if seed < 0 or start < 0:
        raise ValueError(f"seed and start are 0 or more, not {seed} and {start}")
    if stop <= start:
        return np.empty(0, dtype=np.uint32)
    first = start // _LANES
    blocks = -(-stop // _LANES) - first
    key = _Key(seed, stream)
    bits = np.random.Philox(key, counter=first).random_raw(4 * blocks)  # type: ignore[arg-type] # its types name one seed
    lanes = bits.astype("<u8", copy=False).view("<u4")
    return lanes[start - first * _LANES : stop - first * _LANES]


class _Key(ISeedSequence):
    """The key of a stream, as the seed that numpy asks for; given as `key=`, it would ask the system for entropy."""

    def __init__(self, seed: int, stream: str) -> None:
        name = f"{seed}/{stream}".encode()
        self._words = np.frombuffer(
            blake2b(name, digest_size=16, person=b"vapor-noise").digest(), dtype="<u8"
        ).astype(np.uint64, copy=False)

    def generate_state(self, n_words: int, dtype: DTypeLike = np.uint64) -> NDArray[np.uint32 | np.uint64]:
        """Both words of the key."""
        return self._words


@cache
def _quantile_lines() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Value at lane 0 and slope by lane of the straight line of each cell."""
    inside = np.arange(1, _CELLS) / _CELLS
    knots = _quantile(np.concatenate(([0.25 / _CELLS], inside, [1 - 0.25 / _CELLS])))
    slope = np.diff(knots) * 2.0**-_CELL_BITS
    at_zero = knots[:-1] - slope * (np.arange(_CELLS) * 2.0**_CELL_BITS - 0.5)
    return at_zero, slope


def _quantile(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of the normal distribution function, relative error about 1e-16.

    Wichura (1988), algorithm AS 241, PPND16.
    """
    q = p - 0.5
    centre = q * _ratio(0.180625 - q * q, _CENTRE)
    return np.where(np.abs(q) <= 0.425, centre, _flank_quantile(p))


def _flank_quantile(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same where p is further than 0.425 from the middle."""
    root = np.sqrt(-np.log(np.minimum(p, 1 - p)))
    flank = np.where(root <= 5.0, _ratio(root - 1.6, _FLANK), _ratio(root - 5.0, _FAR))
    return np.copysign(flank, p - 0.5)


_Coefficients = tuple[tuple[float, ...], tuple[float, ...]]


def _ratio(x: NDArray[np.float64], coefficients: _Coefficients) -> NDArray[np.float64]:
    """Ratio of two polynomials, highest power first."""
    above, below = (np.full_like(x, row[0]) for row in coefficients)
    for up, down in zip(*(row[1:] for row in coefficients), strict=True):
        above = above * x + up
        below = below * x + down
    return above / below


_CENTRE: _Coefficients = (
    (
        2509.0809287301226727,
        33430.575583588128105,
        67265.770927008700853,
        45921.953931549871457,
        13731.693765509461125,
        1971.5909503065514427,
        133.14166789178437745,
        3.387132872796366608,
    ),
    (
        5226.495278852545925,
        28729.085735721942674,
        39307.89580009271061,
        21213.794301586595867,
        5394.1960214247511077,
        687.1870074920579083,
        42.313330701600911252,
        1.0,
    ),
)
_FLANK: _Coefficients = (
    (
        7.7454501427834140764e-4,
        0.0227238449892691845833,
        0.24178072517745061177,
        1.27045825245236838258,
        3.64784832476320460504,
        5.7694972214606914055,
        4.6303378461565452959,
        1.42343711074968357734,
    ),
    (
        1.05075007164441684324e-9,
        5.475938084995344946e-4,
        0.0151986665636164571966,
        0.14810397642748007459,
        0.68976733498510000455,
        1.6763848301838038494,
        2.05319162663775882187,
        1.0,
    ),
)
_FAR: _Coefficients = (
    (
        2.01033439929228813265e-7,
        2.71155556874348757815e-5,
        0.0012426609473880784386,
        0.026532189526576123093,
        0.29656057182850489123,
        1.7848265399172913358,
        5.4637849111641143699,
        6.6579046435011037772,
    ),
    (
        2.04426310338993978564e-15,
        1.4215117583164458887e-7,
        1.8463183175100546818e-5,
        7.868691311456132591e-4,
        0.0148753612908506148525,
        0.13692988092273580531,
        0.59983220655588793769,
        1.0,
    ),
)
