"""A picture of predicted against measured figures: plain SVG, log axes, one colour a source."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

from benchmarks.fidelity import Row

SIDE, LEFT, TOP = 420, 60, 30
# Okabe and Ito's palette, which the colour-blind tell apart
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")


def scatter(title: str, rows: Sequence[Row]) -> str:
    """An SVG of `rows` with the line of equality and a factor of 1.25 either side."""
    values = [value for row in rows for value in (row.predicted, row.measured) if value > 0]
    low, high = log10(min(values)) - 0.05, log10(max(values)) + 0.05
    scale = SIDE / (high - low)

    def x(value: float) -> float:
        return LEFT + (log10(value) - low) * scale

    def y(value: float) -> float:
        return TOP + SIDE - (log10(value) - low) * scale

    sources = list(dict.fromkeys(row.source for row in rows))
    height = TOP + SIDE + 50 + 16 * len(sources)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + SIDE + 20} {height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="100%" height="100%" fill="white"/><text x="{LEFT}" y="18" font-size="13">'
        f"{escape(title)}: predicted (up) against measured (right)</text>",
        f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>',
    ]
    for factor, dash in ((1.0, ""), (1.25, "4 4"), (0.8, "4 4")):
        start, end = 10 ** max(low, low - log10(factor)), 10 ** min(high, high - log10(factor))
        parts.append(
            f'<path d="M{x(start):.1f} {y(start * factor):.1f}L{x(end):.1f} {y(end * factor):.1f}" '
            f'stroke="#888" stroke-dasharray="{dash}"/>'
        )
    for value in ticks(low, high):
        parts.append(
            f'<text x="{x(value):.1f}" y="{TOP + SIDE + 16}" text-anchor="middle">{value:g}</text>'
            f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
        )
    for row in rows:
        if row.predicted > 0 and row.measured > 0:
            colour = COLOURS[sources.index(row.source) % len(COLOURS)]
            parts.append(
                f'<circle cx="{x(row.measured):.1f}" cy="{y(row.predicted):.1f}" r="3" fill="{colour}" '
                'fill-opacity="0.6"/>'
            )
    for place, source in enumerate(sources):
        at, colour = TOP + SIDE + 40 + 16 * place, COLOURS[place % len(COLOURS)]
        parts.append(
            f'<circle cx="{LEFT + 5}" cy="{at - 4}" r="4" fill="{colour}"/>'
            f'<text x="{LEFT + 15}" y="{at}">{escape(source)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def ticks(low: float, high: float) -> list[float]:
    """Round values between two powers of ten, at 1, 2 and 5 where the range is short."""
    steps = (1, 2, 5) if high - low < 2 else (1,)
    found = [m * 10.0**e for e in range(floor(low), ceil(high) + 1) for m in steps]
    return [value for value in found if low <= log10(value) <= high]
