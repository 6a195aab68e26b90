"""What no serving set-up may break, whatever its model, card, engine and load."""

import math

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from vapor_core import catalog
from vapor_core.contracts.entries import Accelerator, CatalogModel
from vapor_core.contracts.serving import ServingConfig
from vapor_core.physics.serving.engines import ENGINES
from vapor_core.physics.serving.load import estimate_serving
from vapor_core.physics.serving.memory import COLLECTIVE_GB

MODELS = [model.id for model in catalog.models() if model.parameters < 9e9]
CARDS = [card.id for card in catalog.accelerators() if card.id != "cpu"]
OLD_CARDS = [card.id for card in catalog.accelerators() if not card.fp8_tflops and not card.fp4_tflops]
LITTLE = 1e-6  # by which rounding may part what is equal
NOISE = 0.01  # by which the queue of whole requests may part what the law orders


def config_of(model, card, precision, sent, made, **more):
    """A configuration that once broke a law."""
    return ServingConfig(
        model=model, accelerator=card, precision=precision, input_tokens=sent, output_tokens=made, **more
    )


# More cards or more memory once made fewer tokens of these, each for a reason of its own
LONG_TAIL = config_of("distilbert/distilgpt2", "nvidia-rtx-3080", "fp8", 1, 1435, static_batch=85)
OUTGROWS_ITS_GRAPH = config_of(
    "google/gemma-3-270m-it", "nvidia-rtx-3080", "int8", 153, 119, static_batch=3, engine="sglang",
    chunked_prefill=True,
)  # fmt: skip
PROMPTS_IN_TURNS = config_of(
    "Qwen/Qwen2.5-7B", "nvidia-rtx-3080-ti", "int8", 12, 218, concurrency=275, engine="lmdeploy",
    chunked_prefill=False, prefix_hit_rate=1.0,
)  # fmt: skip
SHORT_ANSWERS = config_of(
    "mistralai/Mistral-Small-24B-Instruct-2501", "nvidia-rtx-3090", "int8", 2, 2, static_batch=55,
    engine="lmdeploy", tensor_parallel=4, speculative_tokens=2,
)  # fmt: skip
SMALL_LAST_WAVE = config_of(
    "mosaicml/mpt-7b-instruct", "nvidia-t4", "fp8", 1920, 164, static_batch=90, engine="sglang",
    tensor_parallel=4, prefix_hit_rate=0.5, fixed_lengths=True,
)  # fmt: skip
SMALL_LAST_WAVE_FP8 = config_of(
    "meta-llama/Llama-2-7b-chat-hf", "apple-m4", "fp8", 61, 18, static_batch=271, speculative_tokens=3,
    fixed_lengths=True,
)  # fmt: skip


@st.composite
def configs(draw, **fixed):
    """Any engine and load on any card."""
    values = {
        "model": draw(st.sampled_from(MODELS)),
        "accelerator": draw(st.sampled_from(CARDS)),
        "tensor_parallel": draw(st.sampled_from([1, 2, 4])),
        "precision": draw(st.sampled_from(["bf16", "fp8", "int8", "int4", "fp4"])),
        "engine": draw(st.sampled_from(list(ENGINES))),
        "input_tokens": draw(st.integers(1, 6000)),
        "output_tokens": draw(st.integers(1, 1500)),
        "fixed_lengths": draw(st.booleans()),
        "chunked_prefill": draw(st.sampled_from([None, True, False])),
        "prefix_hit_rate": draw(st.sampled_from([0.0, 0.5, 1.0])),
        "speculative_tokens": draw(st.integers(0, 4)),
        draw(st.sampled_from(["concurrency", "static_batch"])): draw(st.integers(1, 400)),
    }
    return ServingConfig(**values | fixed)


def told(config):
    return estimate_serving.__wrapped__(config)


def with_memory(config, factor):
    card = catalog.accelerator(config.accelerator)
    return config.changed(accelerator=card.changed(memory_gb=card.memory_gb * factor))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(configs())
def test_every_figure_is_finite_and_lies_in_its_range(config):
    found = told(config)
    values = {name: value for name, value in found if isinstance(value, float | int)}
    assert all(math.isfinite(value) and value >= 0 for value in values.values())
    for name, value in values.items():
        if f"{name}_low" in values:
            assert values[f"{name}_low"] <= value <= values[f"{name}_high"], name


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(configs())
def test_no_load_is_served_faster_than_saturation(config):
    found = told(config)
    assert found.requests_per_second <= found.max_requests_per_second * (1 + LITTLE)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(configs(), st.sampled_from([1.1, 1.5, 3.0]))
@example(SHORT_ANSWERS, 1.5)
@example(SMALL_LAST_WAVE, 1.1)
def test_throughput_never_falls_with_more_memory(config, factor):
    found, more = told(config), told(with_memory(config, factor))
    assert more.output_tokens_per_second >= found.output_tokens_per_second * (1 - NOISE)
    assert more.max_requests_per_second >= found.max_requests_per_second * (1 - NOISE)
    assert more.kv_capacity_tokens >= found.kv_capacity_tokens


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(configs(tensor_parallel=1), st.sampled_from([2, 4, 8]))
@example(LONG_TAIL, 4)
@example(OUTGROWS_ITS_GRAPH, 2)
@example(PROMPTS_IN_TURNS, 8)
def test_more_cards_never_make_fewer_tokens(config, cards):
    """Over PCIe a group of cards was told to be slower than one of them."""
    found, more = told(config), told(config.changed(tensor_parallel=cards))
    assert more.output_tokens_per_second >= found.output_tokens_per_second * (1 - LITTLE)
    assert more.max_requests_per_second >= found.max_requests_per_second * (1 - LITTLE)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(configs(tensor_parallel=1, static_batch=None, concurrency=None), st.floats(0.01, 300.0))
def test_more_cards_never_bear_less_of_an_open_load(config, rate):
    found, more = (told(config.changed(request_rate=rate, tensor_parallel=cards)) for cards in (1, 2))
    assert more.output_tokens_per_second >= found.output_tokens_per_second * (1 - LITTLE)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(configs(tensor_parallel=1), st.sampled_from([2, 4, 8]))
def test_more_cards_never_need_more_memory_each_but_for_the_buffers_that_they_add_up_in(config, cards):
    found, more = told(config), told(config.changed(tensor_parallel=cards))
    assert more.weights_gb <= found.weights_gb
    cache = (config.static_batch or more.batch) * more.kv_gb_per_sequence
    assert more.memory_gb <= found.memory_gb + COLLECTIVE_GB + cache


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(configs(precision="fp8"), st.sampled_from(OLD_CARDS))
@example(SMALL_LAST_WAVE_FP8, "apple-m4")
def test_fp4_is_never_slower_than_fp8_on_a_card_that_has_neither(config, card):
    wide, narrow = (told(config.changed(accelerator=card, precision=name)) for name in ("fp8", "fp4"))
    assume(wide.fits)
    assert narrow.output_tokens_per_second >= wide.output_tokens_per_second * (1 - NOISE)
    assert narrow.max_requests_per_second >= wide.max_requests_per_second * (1 - NOISE)


# Lies that were told


def test_a_large_card_is_not_said_to_hold_1024_sequences_at_most():
    found = told(ServingConfig(model="Qwen/Qwen3-0.6B", accelerator="nvidia-b200"))
    assert found.max_concurrency > 1024
    assert found.max_concurrency == found.kv_capacity_tokens // (512 + 128)


def test_clients_of_a_fixed_length_benchmark_are_not_said_to_drift_apart():
    """32 prompts of 128 tokens at once on an A100: LMDeploy's table has 214 ms to the first token; 50 was told."""
    config = ServingConfig(
        model="meta-llama/Llama-2-7b-hf", accelerator="nvidia-a100-80gb", precision="fp16", input_tokens=128,
        output_tokens=128, concurrency=32, engine="lmdeploy", fixed_lengths=True,
    )  # fmt: skip
    assert 150 < told(config).ttft_ms < 320


def test_a_static_batch_is_prefilled_together_and_then_decodes_together():
    batch = ServingConfig(
        model="Qwen/Qwen3-4B", accelerator="nvidia-a100-80gb", static_batch=32, fixed_lengths=True
    )
    found = told(batch)
    assert 16 < found.batch < 32  # none decodes while prompts are worked off
    assert found.latency_ms == pytest.approx(found.ttft_ms + 127 * found.tpot_ms, rel=0.1)
    assert found.latency_p99_ms == pytest.approx(found.latency_ms, rel=0.05)


CAPACITIES = [  # tokens that vLLM printed at its start (GPU KV cache size), with 1,024 sequences
    ("Llama-3.1-8B", (8_030_261_248, 32, 4096, 14336, 32, 8, 128256), 543_440),
    ("Qwen3-8B", (8_190_735_360, 36, 4096, 12288, 32, 8, 151936), 478_560),
    ("Qwen3-14B", (14_768_307_200, 40, 5120, 17408, 40, 8, 151936), 350_304),
    ("Qwen3-32B", (32_762_123_264, 64, 5120, 25600, 64, 8, 151936), 81_648),
]  # fmt: skip
H100_NVL = Accelerator(
    id="h100-nvl",
    memory_gb=94.0,
    bandwidth_gb_s=3900.0,
    fp32_tflops=60.0,
    bf16_tflops=835.0,
    fp8_tflops=1671.0,
)


@pytest.mark.parametrize(("name", "sizes", "printed"), CAPACITIES, ids=[case[0] for case in CAPACITIES])
def test_the_cache_holds_as_many_tokens_as_vllm_prints(name, sizes, printed):
    fields = [
        "parameters",
        "layers",
        "hidden_size",
        "intermediate_size",
        "attention_heads",
        "kv_heads",
        "vocabulary_size",
    ]
    model = CatalogModel(id=name, head_size=128, **dict(zip(fields, sizes, strict=True)))
    assert told(ServingConfig(model=model, accelerator=H100_NVL)).kv_capacity_tokens == pytest.approx(
        printed, rel=0.1
    )


def test_memory_that_the_engine_may_not_take_holds_no_tokens():
    config = ServingConfig(model="Qwen/Qwen3-4B", accelerator="nvidia-a100-80gb")
    half = told(config.changed(memory_utilization=0.45))
    assert half.kv_capacity_tokens < 0.5 * told(config).kv_capacity_tokens
    assert not told(config.changed(memory_utilization=0.1)).fits


def test_the_cache_has_a_precision_of_its_own():
    """8-bit weights were said to come with an 8-bit cache, whatever the engine."""
    config = ServingConfig(model="Qwen/Qwen3-4B", accelerator="nvidia-h100-80gb", precision="fp8")
    wide, narrow = told(config), told(config.changed(kv_precision="fp8"))
    assert narrow.kv_gb_per_sequence == pytest.approx(wide.kv_gb_per_sequence / 2)
    assert narrow.kv_capacity_tokens == pytest.approx(2 * wide.kv_capacity_tokens, rel=1e-3)


def test_a_request_longer_than_the_engine_takes_does_not_fit():
    config = ServingConfig(model="Qwen/Qwen3-4B", accelerator="nvidia-h100-80gb", input_tokens=4000)
    assert told(config).fits
    assert not told(config.changed(max_model_len=2048)).fits


def test_a_shared_prefix_and_drafts_shorten_what_they_save():
    config = ServingConfig(
        model="Qwen/Qwen3-8B", accelerator="nvidia-a100-80gb", input_tokens=8000, concurrency=4
    )
    assert told(config.changed(prefix_hit_rate=0.9)).ttft_ms < 0.5 * told(config).ttft_ms
    alone = config.changed(concurrency=1, input_tokens=200)
    assert told(alone.changed(speculative_tokens=3)).tpot_ms < 0.7 * told(alone).tpot_ms


def test_prompts_that_may_not_be_cut_hold_up_those_who_decode():
    config = ServingConfig(
        model="Qwen/Qwen3-8B", accelerator="nvidia-l4", precision="fp8", input_tokens=6000, request_rate=0.25
    )
    assert told(config.changed(chunked_prefill=False)).ttft_ms < told(config).ttft_ms * 1.05


def test_transformers_is_bound_by_its_launches_however_small_the_model():
    """A 1.8B model makes 54 tokens a second there, and 275 were told."""
    config = ServingConfig(model="Qwen/Qwen2.5-1.5B", accelerator="nvidia-a100-80gb", input_tokens=1)
    assert told(config.changed(engine="transformers")).tpot_ms > 3 * told(config).tpot_ms


def test_what_nobody_measured_has_wider_ranges_and_says_so():
    known = told(ServingConfig(model="Qwen/Qwen3-8B", accelerator="nvidia-a100-80gb"))
    far = told(ServingConfig(model="Qwen/Qwen3-8B", accelerator="nvidia-a100-80gb", engine="llama_cpp"))
    assert far.tpot_ms_high / far.tpot_ms > known.tpot_ms_high / known.tpot_ms
    assert any("wider than usual" in line for line in far.assumptions)
    assert not any("wider than usual" in line for line in known.assumptions)
