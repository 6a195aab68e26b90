"""How many people one server process can serve, each with Monitor live once a second, against the bare fragment."""

import asyncio

from benchmarks import load, serving
from benchmarks.load import Viewer
from benchmarks.rows import Row

LIMIT_MS = 500.0
STEP = 6
WORKSPACE = "steps=20000"


async def most(server: serving.Server, page: str, query: str) -> tuple[int, list[tuple[int, float]]]:
    async def more() -> Viewer:
        return (await load.open_page(server.url, page, query))[0]

    return await load.most_viewers(more, LIMIT_MS, STEP)


Found = tuple[int, list[tuple[int, float]]]


async def measure() -> dict[str, Found]:
    """The app, the bare fragment with the same remedy for garbage, and without it."""
    with serving.app(WORKSPACE) as app:
        found = {"ours": await most(app, "Monitor", f"job={serving.watched(WORKSPACE)}")}
    with serving.streamlit(serving.FLOOR, VAPOR_FLOOR_SETTLED="1") as floor:
        found["settled"] = await most(floor, "", "")
    with serving.streamlit(serving.FLOOR) as floor:
        found["bare"] = await most(floor, "", "")
    return found


def rows() -> list[Row]:
    found = asyncio.run(measure())
    (ours, _), (settled, _), (bare, _) = found.values()
    share = ours / settled if settled else 0.0
    courses = "; ".join(
        f"{name} " + ", ".join(f"{count}: {p95_ms:.0f} ms" for count, p95_ms in tried[-3:])
        for name, (_, tried) in found.items()
    )
    return [
        Row(
            "viewers on one server process, Monitor live at 1 Hz, p95 under 500 ms",
            "the bare fragment with the same garbage remedy",
            f"{ours} against {settled} ({bare} without the remedy; p95 of the last numbers tried: {courses})",
            f"{share:.2f} x",
            "40, and 1.0 x",
            ours >= 40 and share >= 1.0,
            "Past that the interval stretches by itself and the page says so "
            "(`vapor_ui/shell/refresh_rate.py`, held by a test); "
            "the load generator keeps asking each second. The 2.5 s after newcomers join are not "
            "counted. Viewers and server share the machine's cores.",
        )
    ]
