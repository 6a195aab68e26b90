"""What is shipped agrees with itself: dependencies, public names, licence, no machine's own paths."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import vapor_core as vapor

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


DESIGNED = {
    *(
        "catalog",
        "CatalogModel",
        "JobConfig",
        "estimate",
        "Estimate",
        "simulate",
        "forecast",
        "estimate_serving",
    ),
    *("ServingConfig", "ServingEstimate", "calibrate", "Calibration", "Store", "MetricSeries", "charts"),
    *("InvalidConfig", "Dataset", "Accelerator"),
}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    paths = [ROOT / line for line in listed.stdout.splitlines()]
    return [path for path in paths if path.is_file()] or list(ROOT.rglob("*.py"))


def test_community_cloud_installs_what_the_project_needs():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == PROJECT["dependencies"]


def test_public_names_are_complete_and_sorted():
    assert sorted(vapor.__all__) == vapor.__all__
    for name in vapor.__all__:
        assert getattr(vapor, name) is not None


@pytest.mark.slow
def test_what_takes_long_to_load_is_loaded_by_whoever_needs_it():
    loaded = "vapor_core, vapor_core.workspace.store, vapor_ui.parts.listing, vapor_ui.shell.frame"
    script = f"import sys, {loaded}; print(*sys.modules)"
    found = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"pandas", "sqlalchemy", "altair", "pyarrow", "huggingface_hub"} & set(found.stdout.split())


@pytest.mark.slow
def test_who_has_just_come_does_not_wait_for_the_app_to_be_loaded():
    """The first run of a visit drew nothing until the core and all that it stands on had been loaded."""
    script = "import sys, vapor_ui.entrance.arrival; print(*sys.modules)"
    found = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {"numpy", "pydantic", "sqlalchemy", "vapor_core", "streamlit_autorefresh", "PIL"}
    assert not heavy & set(found.stdout.split())


def test_the_public_api_has_the_names_of_the_design():
    assert not DESIGNED - set(vapor.__all__)


def test_no_file_holds_a_path_of_a_machine_or_a_registry():
    forbidden = re.compile(r"(/home/\w+/|/root/|/work/|pypi\.org/simple|files\.pythonhosted|registry\.npmjs)")
    for path in tracked():
        if path.suffix in {".png", ".parquet"} or path.name == "test_packaging.py":
            continue
        assert not forbidden.search(path.read_text(encoding="utf-8", errors="replace")), path
