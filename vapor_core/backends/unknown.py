"""What stands for the configuration of an imported run, since its log does not say what was trained."""

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
    return JobConfig(
        model=UNKNOWN_MODEL, dataset=UNKNOWN_DATA, accelerator=UNKNOWN_CARD, method="full", backend="imported"
    )
