"""Laws of training and serving memory, and its targets on the published peaks that the repository carries."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from benchmarks.fidelity import quantile
from benchmarks.fidelity.memory import CALLS, KIND, LLAMA_3_2_3B, RAN, rows
from vapor_core import catalog
from vapor_core.contracts.entries import Dataset
from vapor_core.contracts.training import JobConfig
from vapor_core.physics.memory import TrainingMemory, training_memory
from vapor_core.physics.plan import plan
from vapor_core.physics.serving.memory import serving_memory

DATA = Dataset(tokens=10**8, examples=10**6)
METHODS = ("qlora", "lora", "full", "pretrain")


def memory(config: JobConfig) -> TrainingMemory:
    return training_memory(plan(config))


configs = st.builds(
    JobConfig,
    model=st.sampled_from(catalog.models()),
    dataset=st.just(DATA),
    method=st.sampled_from(METHODS),
    precision=st.sampled_from(("bf16", "fp16", "fp32", "fp8")),
    optimizer=st.sampled_from(("adamw", "adamw_8bit", "sgd")),
    micro_batch_size=st.integers(1, 64),
    gradient_accumulation_steps=st.sampled_from((1, 4)),
    sequence_length=st.integers(1, 16384),
    gradient_checkpointing=st.booleans(),
    accelerator=st.sampled_from(catalog.accelerators()),
    accelerator_count=st.sampled_from((1, 2, 3, 8, 64)),
    sharding=st.sampled_from(("none", "zero1", "zero2", "zero3")),
    lora_rank=st.integers(1, 256),
)


@given(configs)
def test_parts_sum_to_the_total_and_none_is_negative(config):
    found = memory(config)
    parts = (
        found.weights_gb,
        found.gradients_gb,
        found.optimizer_gb,
        found.activations_gb,
        found.overhead_gb,
    )
    assert min(parts) >= 0
    assert found.total_gb == pytest.approx(sum(parts))
    assert found.low_gb < found.total_gb < found.high_gb
    assert found.fits == (found.total_gb <= plan(config).accelerator.memory_gb)


@given(configs)
def test_more_cards_never_need_more_memory_each_where_they_share_or_accumulate(config):
    # with one micro-batch a step and unshared gradients, a second card keeps gradients and activations together
    assume(config.gradient_accumulation_steps > 1 or config.sharding in ("zero2", "zero3"))
    doubled = config.changed(accelerator_count=2 * config.accelerator_count)
    assert memory(doubled).total_gb <= memory(config).total_gb * (1 + 1e-9)


@given(configs)
def test_a_higher_stage_of_sharding_never_needs_more(config):
    found = [
        memory(config.changed(sharding=stage, gradient_accumulation_steps=2)).total_gb
        for stage in ("none", "zero1", "zero2", "zero3")
    ]
    assert found == sorted(found, reverse=True)


@given(configs)
def test_checkpointing_never_raises_activations(config):
    kept = memory(config.changed(gradient_checkpointing=False))
    assert memory(config.changed(gradient_checkpointing=True)).activations_gb <= kept.activations_gb * (
        1 + 1e-9
    )


@given(configs)
def test_longer_sequences_and_larger_batches_never_need_less(config):
    base = memory(config).total_gb
    assert memory(config.changed(sequence_length=2 * config.sequence_length)).total_gb >= base
    assert memory(config.changed(micro_batch_size=2 * config.micro_batch_size)).total_gb >= base


@given(configs, st.sampled_from(catalog.models()))
def test_qlora_needs_less_than_lora_and_lora_less_than_full(config, model):
    rank = min(config.lora_rank, 16)
    qlora, lora, full = (
        memory(config.changed(model=model, method=method, lora_rank=rank, optimizer="adamw", sharding="none"))
        for method in ("qlora", "lora", "full")
    )
    assert qlora.total_gb < lora.total_gb < full.total_gb
    assert qlora.trainable_parameters == lora.trainable_parameters < full.trainable_parameters


def test_states_take_the_published_bytes_a_parameter():
    model = LLAMA_3_2_3B.changed(parameters=10**9)
    cases = {
        ("pretrain", "bf16", "adamw"): (2.0, 2.0, 12.0),
        ("full", "fp16", "adamw"): (2.0, 2.0, 12.0),
        ("full", "bf16", "adamw"): (2.0, 2.0, 4.0),
        ("full", "fp32", "adamw"): (4.0, 4.0, 8.0),
        ("full", "bf16", "sgd"): (2.0, 2.0, 0.0),
        ("full", "bf16", "adamw_8bit"): (2.0, 2.0, 2.032),
    }
    for (method, precision, optimizer), expected in cases.items():
        found = memory(
            JobConfig(model=model, dataset=DATA, method=method, precision=precision, optimizer=optimizer)
        )
        assert (found.weights_gb, found.gradients_gb, found.optimizer_gb) == pytest.approx(expected)


def test_the_vocabulary_counts():
    small = JobConfig(model=LLAMA_3_2_3B.changed(vocabulary_size=32_000), dataset=DATA)
    large = JobConfig(model=LLAMA_3_2_3B, dataset=DATA)
    assert memory(large).activations_gb > 1.2 * memory(small).activations_gb


def test_published_peaks_are_met_on_the_repositorys_own_tables(monkeypatch, tmp_path):
    monkeypatch.setenv("VAPOR_PUBLISHED_DATA", str(tmp_path))
    found = [row for row in rows() if row.scored]
    peaks = [row.error for row in found if row.kind == KIND]
    calls = [row.error for row in found if row.kind == CALLS]
    assert len(peaks) >= 45
    assert quantile(peaks, 0.5) <= 0.10
    assert sum(calls) / len(calls) <= 0.10


def test_published_pretraining_runs_are_said_to_fit_the_cards_that_they_ran_on(monkeypatch, tmp_path):
    monkeypatch.setenv("VAPOR_PUBLISHED_DATA", str(tmp_path))
    ran = [row.predicted for row in rows() if row.kind == RAN]
    assert len(ran) >= 100
    assert sum(ran) / len(ran) >= 0.95


def test_no_published_peak_on_one_card_is_off_by_a_third(monkeypatch, tmp_path):
    monkeypatch.setenv("VAPOR_PUBLISHED_DATA", str(tmp_path))
    alone = [row.error for row in rows() if row.scored and row.kind == KIND and " on 1 " in row.name]
    assert len(alone) >= 38
    assert quantile(alone, 0.9) <= 0.25
    assert max(alone) <= 1 / 3


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp8", "int8", "int4", "fp4"])
def test_a_tensor_parallel_group_holds_more_and_each_card_less(precision):
    model, card = catalog.model("meta-llama/Llama-3.1-8B"), catalog.accelerator("nvidia-h100-80gb")
    one, four = (serving_memory(model, card, count, precision) for count in (1, 4))
    assert four.weights_gb == pytest.approx(one.weights_gb / 4)
    assert four.kv_capacity_tokens > one.kv_capacity_tokens > 0
    assert one.fits


def test_only_attention_layers_keep_keys_and_values():
    hybrid, card = catalog.model("LiquidAI/LFM2-1.2B"), catalog.accelerator("nvidia-l4")
    found = serving_memory(hybrid, card, 1, "bf16")
    assert found.kv_bytes_per_token == 2 * 6 * 8 * 64 * 2
    whole = hybrid.changed(attention_layers=None)
    assert serving_memory(whole, card, 1, "bf16").kv_capacity_tokens < found.kv_capacity_tokens


def test_weights_larger_than_the_card_leave_no_room():
    model, card = catalog.model("meta-llama/Llama-3.1-8B"), catalog.accelerator("nvidia-t4")
    found = serving_memory(model, card, 1, "fp16")
    assert not found.fits
    assert found.kv_capacity_tokens == 0
