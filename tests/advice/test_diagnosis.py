"""Detectors see what is sick in any series, and nothing in a healthy one; failures are told with their cure."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vapor_core as vapor
from vapor_core.advice.detectors import findings
from vapor_core.advice.failures import explain_failure
from vapor_core.physics.memory import training_memory
from vapor_core.physics.plan import plan

STEPS = 2000


def healthy(seed: int = 0, noise: float = 0.05) -> pd.DataFrame:
    steps = np.arange(STEPS)
    dice = np.random.default_rng(seed)
    loss = 2.0 + 3.0 * (steps + 10.0) ** -0.4 + noise * dice.standard_normal(STEPS)
    evaluated = np.where(steps % 200 == 199, 2.05 + 3.0 * (steps + 10.0) ** -0.4, np.nan)
    return pd.DataFrame(
        {
            "step": steps,
            "loss": loss,
            "eval_loss": evaluated,
            "tokens_per_second": 5000 + 50 * dice.standard_normal(STEPS),
        }
    )


def codes(frame: pd.DataFrame) -> list[str]:
    return [finding.code for finding in findings(frame)]


@pytest.mark.slow
@given(st.integers(0, 200), st.floats(0.01, 0.1))
def test_a_healthy_run_is_left_in_peace(seed, noise):
    assert findings(healthy(seed, noise)) == ()


def test_a_loss_that_is_no_number_is_told_at_its_first_step():
    frame = healthy()
    frame.loc[700:, "loss"] = np.nan
    first = findings(frame)[0]
    assert (first.code, first.step, first.severity) == ("nan", 700, "blocking")


def test_a_blow_up_is_found_near_its_onset():
    frame = healthy()
    frame.loc[1200:, "loss"] += 3.0
    divergence = next(finding for finding in findings(frame) if finding.code == "divergence")
    assert 1150 <= divergence.step <= 1350


def test_a_spike_that_recovers_is_a_note_and_no_divergence():
    frame = healthy()
    frame.loc[900:905, "loss"] += 2.0
    found = findings(frame)
    assert [finding.code for finding in found if finding.code in ("spike", "divergence")] == ["spike"]
    assert 900 <= next(finding.step for finding in found if finding.code == "spike") <= 905


def test_a_flat_loss_is_a_plateau():
    frame = healthy()
    frame["loss"] = 2.5 + 0.02 * np.random.default_rng(1).standard_normal(STEPS)
    plateau = next(finding for finding in findings(frame) if finding.code == "plateau")
    assert plateau.step == 0  # it never moved
    assert "nothing is being learnt" in plateau.sentence


def test_eval_loss_that_turns_up_is_overfitting_at_its_best_step():
    frame = healthy()
    late = frame["step"] > 1000
    frame.loc[late, "eval_loss"] += (frame.loc[late, "step"] - 1000) * 5e-4
    overfit = next(finding for finding in findings(frame) if finding.code == "overfit")
    assert overfit.step == 999


def test_one_lucky_evaluation_is_no_overfitting():
    frame = healthy()
    frame.loc[1399, "eval_loss"] -= 0.1
    assert codes(frame) == []


def test_a_rise_within_the_jitter_of_the_evaluations_is_no_overfitting():
    frame = healthy()
    dice = np.random.default_rng(3)
    frame["eval_loss"] = np.where(frame["step"] % 40 == 39, 2.2 + 0.1 * dice.standard_normal(STEPS), np.nan)
    assert "overfit" not in codes(frame)


@pytest.mark.parametrize("at", [40, 400, 1700])
def test_a_blow_up_is_found_near_its_onset_early_and_late(at):
    frame = healthy()
    frame.loc[at:, "loss"] = 7.0 + np.random.default_rng(2).standard_normal(STEPS - at)
    divergence = next(finding for finding in findings(frame) if finding.code == "divergence")
    assert abs(divergence.step - at) <= 0.05 * STEPS


def test_a_noisy_short_fine_tune_is_no_plateau():
    """Sixty steps whose noise would hide any fall say nothing; this is what most notebooks print."""
    dice = np.random.default_rng(5)
    frame = pd.DataFrame({"step": np.arange(1, 61), "loss": 0.9 + 0.1 * dice.standard_normal(60)})
    frame.loc[:5, "loss"] += 0.8
    assert codes(frame) == []


def test_no_checkpoint_is_advised_where_none_was_kept():
    frame = healthy()
    late = frame["step"] > 1000
    frame.loc[late, "eval_loss"] += (frame.loc[late, "step"] - 1000) * 5e-4
    assert "checkpoint" not in findings(frame)[0].cure
    assert "checkpoint" not in findings(frame, checkpoints=(1500, 2000))[0].cure  # both are past the best
    assert "the checkpoint of step 900" in findings(frame, checkpoints=(900, 1500))[0].cure


def test_a_blow_up_is_cured_from_the_last_checkpoint_before_it():
    frame = healthy()
    frame.loc[1200:, "loss"] += 3.0
    assert "checkpoint" not in findings(frame)[0].cure
    assert "the checkpoint of step 1,000" in findings(frame, checkpoints=(500, 1000, 1500))[0].cure


@pytest.mark.parametrize(
    ("code", "word"), [("overfit", "Overfitting"), ("divergence", "Divergence"), ("plateau", "Plateau")]
)
def test_each_finding_says_the_fields_word_for_it(code, word):
    told = [finding for frame in sick() for finding in findings(frame) if finding.code == code]
    assert told
    assert all(finding.sentence.startswith(word) for finding in told)


def sick() -> list[pd.DataFrame]:
    overfit, diverged, flat = healthy(), healthy(), healthy()
    late = overfit["step"] > 1000
    overfit.loc[late, "eval_loss"] += (overfit.loc[late, "step"] - 1000) * 5e-4
    diverged.loc[1200:, "loss"] += 3.0
    flat["loss"] = 2.5 + 0.02 * np.random.default_rng(1).standard_normal(STEPS)
    return [overfit, diverged, flat]


def test_a_card_that_slows_down_is_told():
    frame = healthy()
    frame.loc[1700:, "tokens_per_second"] *= 0.6
    assert "slow_hardware" in codes(frame)


def test_a_few_points_say_nothing():
    assert findings(healthy().head(10)) == ()


def test_columns_beyond_step_and_loss_are_not_needed():
    frame = healthy()
    frame.loc[1200:, "loss"] += 3.0
    assert "divergence" in codes(frame[["step", "loss"]])


@pytest.mark.parametrize(
    ("model", "method", "accelerator"),
    [
        ("Qwen/Qwen3-8B", "full", "nvidia-l4"),
        ("Qwen/Qwen3-8B", "lora", "nvidia-t4"),
        ("Qwen/Qwen3-4B", "full", "nvidia-a10g"),
    ],
)
def test_the_cure_of_an_out_of_memory_fits(model, method, accelerator):
    config = vapor.JobConfig(model=model, method=method, accelerator=accelerator)
    failure = explain_failure(plan(config), "out_of_memory", 0)
    memory = training_memory(plan(config))
    assert not memory.fits
    assert f"{memory.reserved_gb:.1f} GB" in failure.why
    assert failure.changes
    assert training_memory(plan(config.changed(**failure.changes))).fits


def test_the_cure_of_a_divergence_is_a_rate_that_is_stable():
    config = vapor.JobConfig(
        model="openai-community/gpt2",
        dataset="HuggingFaceFW/fineweb",
        method="pretrain",
        learning_rate=0.5,
        max_steps=5000,
    )
    failure = explain_failure(plan(config), "diverged", 300)
    assert "300" in failure.what
    assert not vapor.estimate(config.changed(**failure.changes)).diverges


TIGHT = [
    {"model": "Qwen/Qwen3-8B", "method": "lora", "accelerator": "nvidia-a10g", "micro_batch_size": 1},
    {"model": "Qwen/Qwen3-8B", "method": "lora", "accelerator": "nvidia-a100-80gb", "micro_batch_size": 16},
    {
        "model": "Qwen/Qwen3-4B",
        "method": "full",
        "accelerator": "nvidia-a100-40gb",
        "gradient_checkpointing": True,
    },
    {
        "model": "Qwen/Qwen3-4B",
        "method": "full",
        "accelerator": "nvidia-a100-40gb",
        "trainer": "llama_factory",
    },
    {"model": "Qwen/Qwen3-4B", "method": "dpo", "accelerator": "nvidia-a100-40gb", "micro_batch_size": 1},
    {
        "model": "meta-llama/Llama-3.1-8B",
        "method": "full",
        "accelerator": "nvidia-a100-80gb",
        "accelerator_count": 4,
    },
]


@pytest.mark.parametrize("fields", TIGHT)
def test_each_advised_cure_of_memory_is_one_when_it_is_computed_again(fields):
    config = vapor.JobConfig(**fields)
    risks = [risk for risk in vapor.estimate(config).risks if risk.code in {"does_not_fit", "tight_memory"}]
    assert risks
    for risk in risks:
        assert risk.changes, risk.sentence
        cured = vapor.estimate(config.changed(**risk.changes))
        assert cured.memory_reserved_gb_high <= cured.memory_available_gb


def test_a_loss_that_keeps_all_logits_is_cured_by_one_that_its_trainer_has():
    wide = vapor.JobConfig(
        model="Qwen/Qwen3-0.6B", method="lora", accelerator="nvidia-l4", gradient_checkpointing=True,
        sequence_length=8192, micro_batch_size=2,
    )  # fmt: skip
    for trainer, becomes in (("trl", "chunked"), ("llama_factory", "fused")):
        risk = next(
            one for one in vapor.estimate(wide.changed(trainer=trainer)).risks if one.code == "does_not_fit"
        )
        assert risk.changes["cross_entropy"] == becomes


def test_a_length_that_no_example_reaches_is_told():
    data = vapor.Dataset(tokens=10**6, examples=10**4, longest_tokens=852)
    config = vapor.JobConfig(model="gpt2", dataset=data, sequence_length=8192)
    risk = next(one for one in vapor.estimate(config).risks if one.code == "length_not_reached")
    assert risk.changes == {"sequence_length": 852}
    assert not [
        one
        for changes in ({"sequence_length": 852}, {"packing": True})
        for one in vapor.estimate(config.changed(**changes)).risks
        if one.code == "length_not_reached"
    ]
