"""Any configuration is rehearsed, or refused in one clear sentence."""

import pytest
from hostile_values import ANYTHING, KEYS, configs, rehearsed, taken_or_refused, tried
from hypothesis import example, given
from hypothesis import strategies as st

from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.training import JobConfig

pytestmark = pytest.mark.slow


@tried(0.4)
@given(configs())
@example({"model": "gpt2", "self": 1})
@example({"model": {"self": 1}})
def test_any_config_is_rehearsed_or_refused_in_one_sentence(fields):
    with taken_or_refused():
        rehearsed(JobConfig(**fields))


@tried(0.05)
@given(st.sampled_from([CatalogModel, Dataset, Accelerator]), st.dictionaries(KEYS, ANYTHING, max_size=5))
@example(Dataset, {"self": 1})
def test_any_model_data_or_card_of_ones_own_is_taken_or_refused(kind, fields):
    with taken_or_refused():
        kind(**fields)
