"""The house has the arrows that the design names, and no others."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = sorted(path for path in (ROOT / "vapor_core").rglob("*.py") if path.name != "__init__.py")
SCREENS = [
    ROOT / "Home.py",
    *sorted((ROOT / "pages").glob("*.py")),
    *sorted((ROOT / "vapor_ui").rglob("*.py")),
]
# Each floor may look at itself and downwards. A module that is not named here has no place in the house.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"contracts", "errors"}),
    frozenset({"catalog", "fidelity", "text", "data", "architecture", "tensorboard", "links"}),
    frozenset({"physics", "noise", "charts", "chart_data", "chart_parts", "hub", "hub_request", "logs"}),
    frozenset({"uploads", "upload_rows", "upload_schemas", "tokens", "exports"}),
    frozenset({"simulator", "inference", "replica"}),
    frozenset({"cures", "risks", "estimate", "diagnosis", "calibration", "advisor", "report"}),
    frozenset({"lifecycle", "metrics", "retention", "sampling", "measured"})
    | frozenset({"events", "journal", "journal_sql", "journal_tables", "journal_database", "points"})
    | frozenset({"backends", "logbook"}),
    frozenset({"adoption", "membership", "sharing", "recording", "replay"})
    | frozenset({"store", "world", "views", "registry", "demo", "ledger", "series", "desk"}),
)


def floor(module: str) -> int:
    return next(level for level, names in enumerate(FLOORS) if module in names)


def imported(path: Path) -> list[str]:
    """Dotted names that a file imports, those inside functions too."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def room(path: Path) -> str:
    return path.relative_to(ROOT / "vapor_core").with_suffix("").parts[0]


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_imports_point_downwards(path):
    here = floor(room(path))
    for name in imported(path):
        if name.startswith("vapor_core."):
            module = name.split(".")[1]
            assert floor(module) <= here, f"{room(path)} must not import {module}"


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_knows_no_screen_no_clock_and_no_dice(path):
    text = path.read_text(encoding="utf-8")
    assert not [name for name in imported(path) if re.match(r"(streamlit|vapor_ui|random|time)\b", name)]
    assert "datetime.now" not in text
    assert not re.search(r"(?<![\w.])hash\(", text)
    assert "np.random.seed" not in text


def test_pages_reach_the_core_and_never_one_another():
    for path in SCREENS:
        assert not [name for name in imported(path) if name.startswith(("pages", "Home"))], path


def test_only_screens_import_streamlit():
    screens = set(SCREENS)
    others = [each for each in ROOT.iterdir() if not each.name.startswith(".")]
    for path in [each for top in others for each in ([top] if top.is_file() else top.rglob("*.py"))]:
        parts = path.relative_to(ROOT).parts
        if path.suffix != ".py" or path in screens or parts[0] in {"tests", "benchmarks", "build"}:
            continue
        assert not [name for name in imported(path) if name.split(".")[0] == "streamlit"], path


def test_nothing_is_called_by_a_word_that_says_nothing():
    for path in [*CORE, *SCREENS]:
        assert path.stem not in {"utils", "helpers", "common", "manager", "misc"}
