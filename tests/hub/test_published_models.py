"""What published models count is what their config.json figures sum to: parameters, those a token meets, its cache."""

import json
from functools import cache
from pathlib import Path

import pytest

from vapor_core import catalog
from vapor_core.hub.architecture import Published, read_architecture
from vapor_core.physics.serving.memory import serving_memory
from vapor_core.physics.transformer import transformer

DATA = Path(__file__).parent.parent / "data" / "models"
GROUPS = ("dense", "latent", "mixtures", "hybrids", "images", "recent")


@cache
def table(name):
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))["models"]


MODELS = [entry for group in GROUPS for entry in table(group)]
named = pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry["id"])


@cache
def summed(model_id):
    entry = next(each for each in MODELS if each["id"] == model_id)
    return read_architecture(model_id, entry["config"], Published())


@named
def test_a_models_layers_sum_to_what_it_counts(entry):
    assert summed(entry["id"]).parameters == pytest.approx(entry["parameters"], rel=0.05)


@named
def test_a_token_keeps_what_the_models_cache_keeps(entry):
    assert 2 * summed(entry["id"]).kv_values_per_token == entry["kv_bytes"]


@pytest.mark.parametrize("entry", [each for each in MODELS if "active" in each], ids=lambda each: each["id"])
def test_a_token_meets_its_own_experts_and_the_shared_ones(entry):
    assert summed(entry["id"]).active_parameters == pytest.approx(entry["active"], rel=0.05)


@named
def test_the_hubs_count_of_a_published_model_is_no_surprise(entry):
    count = entry.get("published", entry["parameters"])
    model = read_architecture(entry["id"], entry["config"], Published(parameters=count))
    assert model.parameters == pytest.approx(entry["parameters"], rel=0.05)
    assert "the Hub" not in model.note


def test_a_server_of_latent_attention_keeps_its_whole_cache_on_each_card():
    model = summed("deepseek-ai/DeepSeek-V3")
    card = catalog.accelerator("nvidia-h200")
    memory = [serving_memory(model, card, cards, "bf16") for cards in (1, 8)]
    assert [each.kv_bytes_per_token for each in memory] == [70_272, 70_272]
    assert transformer(model).shared_parameters < 0.1 * model.parameters


def test_the_table_is_large_enough_to_mean_something():
    assert len(MODELS) >= 150
    assert len({entry["config"].get("model_type") for entry in MODELS}) >= 60


@pytest.mark.parametrize("entry", table("classes"), ids=lambda each: each["config"]["model_type"])
def test_each_decoder_class_of_transformers_is_summed_by_its_own_names(entry):
    config = {**entry["config"], "architectures": ["AnyForCausalLM"]}
    model = read_architecture("any/model", config, Published())
    assert model.parameters == pytest.approx(entry["parameters"], rel=0.05)
    assert "unknown" not in model.note
