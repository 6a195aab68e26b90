"""Vapor's core: a world you can replay, in pure Python, with no Streamlit, no clock and no global state."""

from importlib import import_module
from types import ModuleType

from vapor_core import catalog
from vapor_core.advisor import propose
from vapor_core.calibration import calibrate
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


def __getattr__(name: str) -> ModuleType:
    """`vapor.charts`, loaded when first asked for: Altair takes longer to import than the whole core."""
    if name == "charts":
        return import_module("vapor_core.charts")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
