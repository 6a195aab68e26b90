"""What stands for the configuration of a run that another program did, where nothing says what was trained."""

from functools import lru_cache

from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.training import JobConfig

UNKNOWN_MODEL = CatalogModel(
    id="unknown",
    parameters=1,
    layers=1,
    hidden_size=1,
    intermediate_size=1,
    attention_heads=1,
    kv_heads=1,
    vocabulary_size=1,
    note="a log does not say which model was trained",
)
UNKNOWN_DATA = Dataset(id="unknown", tokens=1, examples=1, note="a log does not say which data was used")
UNKNOWN_CARD = Accelerator(
    id="unknown", memory_gb=1.0, bandwidth_gb_s=1.0, fp32_tflops=1.0, price_per_hour=0.0
)


@lru_cache(maxsize=1)
def imported_config() -> JobConfig:
    """The configuration of every imported run."""
    return _unknown("imported")


@lru_cache(maxsize=1)
def followed_config() -> JobConfig:
    """The configuration of a followed run whose parameters say nothing."""
    return _unknown("followed")


def has_card(config: JobConfig) -> bool:
    """Whether a configuration says on which accelerator it trains."""
    return config.accelerator != UNKNOWN_CARD


def is_known(config: JobConfig) -> bool:
    """Whether a configuration says what is trained."""
    return config.model != UNKNOWN_MODEL


def _unknown(backend: str) -> JobConfig:
    return JobConfig(
        model=UNKNOWN_MODEL, dataset=UNKNOWN_DATA, accelerator=UNKNOWN_CARD, method="full", backend=backend
    )
