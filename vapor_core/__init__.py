"""Vapor's core: a world you can replay, in pure Python, with no Streamlit, no clock and no global state.

catalog: What can exist: models, datasets and accelerators, each with its source, from JSON shipped in the
    package.
errors: What can go wrong, drawn as a tree.
fidelity: How far to trust each law: its errors against published measurements, as `make fidelity` last wrote
    them.
noise: The only randomness: keyed, never drawn in sequence.
rehearsal: What all laws together say of one configuration: what estimate, simulator and comparison read,
    worked out once.
simulator: What a training run reports, for whoever starts to read here: `simulate` with noise, `forecast`
    without.
text: Which words a number is said in: money, time, counts, rates, and text from outside made harmless.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from vapor_core import catalog
from vapor_core.advice.estimate import estimate
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.estimates import Estimate, Proposal
from vapor_core.contracts.findings import Failure, Finding, Risk
from vapor_core.contracts.lifecycle import LifeEvent
from vapor_core.contracts.serving import Demand, EngineSettings, ServingConfig, ServingEstimate
from vapor_core.contracts.training import Calibration, JobConfig
from vapor_core.contracts.workspace import Clock, Deployment, Job, RegisteredModel, Revision, Summary
from vapor_core.errors import (
    BackendRefused,
    ForbiddenTransition,
    HubUnavailable,
    InvalidConfig,
    InvalidLink,
    InvalidUpload,
    JournalError,
    JournalFull,
    NotFound,
    NotInCatalog,
    VaporError,
)

if TYPE_CHECKING:
    from vapor_core.advice.budget import propose
    from vapor_core.backends.followed.follow import follow
    from vapor_core.calibration.fit import calibrate
    from vapor_core.metrics.series import MetricSeries
    from vapor_core.physics.serving.load import estimate_serving
    from vapor_core.simulator import forecast, simulate
    from vapor_core.trainers.reading import read_config
    from vapor_core.trainers.writing import write_config
    from vapor_core.workspace.store import Store

__all__ = [
    "Accelerator",
    "BackendRefused",
    "Calibration",
    "CatalogModel",
    "Clock",
    "Dataset",
    "Demand",
    "Deployment",
    "EngineSettings",
    "Estimate",
    "Failure",
    "Finding",
    "ForbiddenTransition",
    "HubUnavailable",
    "InvalidConfig",
    "InvalidLink",
    "InvalidUpload",
    "Job",
    "JobConfig",
    "JournalError",
    "JournalFull",
    "LifeEvent",
    "MetricSeries",
    "NotFound",
    "NotInCatalog",
    "Proposal",
    "RegisteredModel",
    "Revision",
    "Risk",
    "ServingConfig",
    "ServingEstimate",
    "Store",
    "Summary",
    "VaporError",
    "calibrate",
    "catalog",
    "charts",
    "estimate",
    "estimate_serving",
    "follow",
    "forecast",
    "propose",
    "read_config",
    "simulate",
    "write_config",
]


_LATER = {  # public names whose modules, or what those stand on, take long to import
    "MetricSeries": "metrics.series",
    "Store": "workspace.store",
    "calibrate": "calibration.fit",
    "estimate_serving": "physics.serving.load",
    "follow": "backends.followed.follow",
    "forecast": "simulator",
    "propose": "advice.budget",
    "read_config": "trainers.reading",
    "simulate": "simulator",
    "write_config": "trainers.writing",
}


def __getattr__(name: str) -> object:
    """A public name that is loaded when first asked for."""
    if name == "charts":
        return import_module("vapor_core.charts")
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"vapor_core.{_LATER[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Names that are loaded later included."""
    return sorted({*globals(), *__all__})
