"""The estimate adds the laws up, orders its ranges, and offers only cures that cure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vapor_core as vapor

SMALL = vapor.JobConfig(model="HuggingFaceTB/SmolLM2-360M")
CONFIGS = st.builds(
    vapor.JobConfig,
    model=st.sampled_from([model.id for model in vapor.catalog.models()]),
    dataset=st.sampled_from([dataset.id for dataset in vapor.catalog.datasets()]),
    accelerator=st.sampled_from([card.id for card in vapor.catalog.accelerators()]),
    method=st.sampled_from(["pretrain", "full", "lora", "qlora"]),
    learning_rate=st.floats(1e-7, 1.0),
    micro_batch_size=st.integers(1, 64),
    gradient_accumulation_steps=st.integers(1, 64),
    sequence_length=st.integers(16, 16384),
    epochs=st.floats(0.01, 40),
    accelerator_count=st.sampled_from([1, 2, 8, 64, 512]),
    sharding=st.sampled_from(["none", "zero1", "zero2", "zero3"]),
    optimizer=st.sampled_from(["adamw", "adamw_8bit", "sgd"]),
    precision=st.sampled_from(["bf16", "fp16", "fp32", "fp8"]),
    gradient_checkpointing=st.booleans(),
    warmup_ratio=st.sampled_from([0.0, 0.03, 0.5]),
)


@given(CONFIGS)
def test_every_config_has_an_estimate_whose_parts_agree(config):
    found = vapor.estimate(config)
    parts = (
        found.weights_gb + found.gradients_gb + found.optimizer_gb + found.activations_gb + found.overhead_gb
    )
    assert found.memory_gb == pytest.approx(parts, rel=1e-6)
    for name in ("memory_gb", "tokens_per_second", "duration_s", "cost_usd", "final_loss", "final_eval_loss"):
        low, value, high = (getattr(found, name + end) for end in ("_low", "", "_high"))
        assert 0 <= low <= value * (1 + 1e-9), name
        assert value <= high * (1 + 1e-9), name
    assert 0 < found.mfu < 1.1  # by the published convention attention counts twice what a causal mask needs
    assert found.duration_s >= found.total_steps * found.step_time_s * 0.999
    assert found.tokens_per_second == pytest.approx(found.tokens_per_step / found.step_time_s, rel=1e-6)
    assert 0 <= found.divergence_probability <= 1


@given(CONFIGS)
def test_applying_every_cure_ends_and_each_is_accepted(config):
    for _ in range(12):
        risks = [risk for risk in vapor.estimate(config).risks if risk.changes and risk.severity != "note"]
        if not risks:
            break
        config = config.changed(**risks[0].changes)
    else:
        pytest.fail(f"cures go round in a circle: {risks[0].sentence} {risks[0].changes}")


def test_a_run_that_does_not_fit_says_what_would():
    found = vapor.estimate(SMALL.changed(model="Qwen/Qwen3-8B", method="full"))
    risk = next(risk for risk in found.risks if risk.code == "does_not_fit")
    assert not found.fits
    assert "24 GB" in risk.sentence
    cured = vapor.estimate(SMALL.changed(model="Qwen/Qwen3-8B", method="full").changed(**risk.changes))
    assert cured.fits


def test_cost_is_the_price_of_the_time():
    found = vapor.estimate(SMALL.changed(accelerator="nvidia-h100-80gb", accelerator_count=8))
    price = vapor.catalog.accelerator("nvidia-h100-80gb").price_per_hour
    assert found.cost_usd == pytest.approx(8 * price * found.duration_s / 3600)


def test_more_epochs_take_more_steps_time_and_money():
    one, three = vapor.estimate(SMALL.changed(epochs=1)), vapor.estimate(SMALL.changed(epochs=3))
    assert three.total_steps > 2.9 * one.total_steps
    assert three.cost_usd > 2 * one.cost_usd


def test_an_unsupported_precision_is_told_with_one_that_is():
    risks = {risk.code: risk for risk in vapor.estimate(SMALL.changed(accelerator="nvidia-t4")).risks}
    assert risks["precision_unsupported"].changes == {"precision": "fp16"}


def test_a_calibrated_rate_moves_time_and_money():
    plain = vapor.estimate(SMALL)
    half = vapor.estimate(SMALL, vapor.Calibration(runs=1, throughput_scale=0.5))
    assert half.step_time_s == pytest.approx(2 * plain.step_time_s)
    assert half.cost_usd > 1.8 * plain.cost_usd


def test_ids_that_nobody_knows_name_the_nearest():
    with pytest.raises(vapor.InvalidConfig, match="nearest in the catalog"):
        vapor.estimate(vapor.JobConfig(model="SmolLM2-350M"))
    with pytest.raises(vapor.InvalidConfig, match="nvidia-l4"):
        vapor.estimate(SMALL.changed(accelerator="L4"))
