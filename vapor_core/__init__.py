"""Vapor's core: a world you can replay, in pure Python, with no Streamlit, no clock and no global state."""

from importlib import import_module
from typing import TYPE_CHECKING

from vapor_core import catalog
from vapor_core.contracts import (
    Accelerator,
    Calibration,
    CatalogModel,
    Clock,
    Dataset,
    Deployment,
    Estimate,
    Failure,
    Finding,
    Job,
    JobConfig,
    LifeEvent,
    Proposal,
    RegisteredModel,
    Revision,
    Risk,
    ServingConfig,
    ServingEstimate,
    Summary,
)
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
from vapor_core.estimate import estimate

if TYPE_CHECKING:
    from vapor_core import charts
    from vapor_core.advisor import propose
    from vapor_core.calibration import calibrate
    from vapor_core.metrics import MetricSeries
    from vapor_core.physics.serving import estimate_serving
    from vapor_core.simulator import forecast, simulate
    from vapor_core.store import Store

__all__ = [
    "Accelerator",
    "BackendRefused",
    "Calibration",
    "CatalogModel",
    "Clock",
    "Dataset",
    "Deployment",
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
    "forecast",
    "propose",
    "simulate",
]


_LATER = {  # public names whose modules, or what those stand on, take long to import
    "MetricSeries": "metrics",
    "Store": "store",
    "calibrate": "calibration",
    "estimate_serving": "physics.serving",
    "forecast": "simulator",
    "propose": "advisor",
    "simulate": "simulator",
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
