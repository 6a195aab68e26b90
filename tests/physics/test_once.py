"""What a law says is remembered for all plans that differ in what it does not read; so it must not read that."""

from inspect import unwrap

import pytest

from vapor_core.advice.risks import _larger_micro_batch
from vapor_core.contracts.training import JobConfig
from vapor_core.physics.memory import training_memory
from vapor_core.physics.plan import NOT_OF_A_STEP, plan
from vapor_core.physics.throughput import training_throughput
from vapor_core.rehearsal import rehearse

CHANGES = {
    "seed": 7,
    "name": "another",
    "backend": "local",
    "learning_rate": 3e-3,
    "schedule": ((0.0, 0.1), (0.5, 1.0), (1.0, 0.0)),
    "decay_ratio": 0.5,
    "min_learning_rate_ratio": 0.5,
    "warmup_ratio": 0.3,
    "weight_decay": 0.3,
    "max_grad_norm": 0.0,
    "epochs": 7.5,
    "max_steps": 12345,
    "lora_alpha": 99.0,
    "eval_every": 3,
    "checkpoint_every": 5,
    "hardware_faults": False,
}
RUNS = [
    JobConfig(model="HuggingFaceTB/SmolLM2-135M", gradient_accumulation_steps=8),
    JobConfig(model="meta-llama/Llama-3.1-8B", method="qlora", accelerator="nvidia-rtx-4090"),
    JobConfig(model="openai-community/gpt2", method="pretrain", dataset="allenai/c4", accelerator_count=16),
    JobConfig(
        model="mistralai/Mixtral-8x7B-v0.1",
        method="full",
        accelerator="nvidia-h200",
        accelerator_count=16,
        sharding="zero3",
        optimizer="adamw_8bit",
    ),
]


def test_every_field_that_no_step_depends_on_is_tried():
    assert set(CHANGES) == set(NOT_OF_A_STEP)


@pytest.mark.parametrize("field", NOT_OF_A_STEP)
@pytest.mark.parametrize("law", [training_memory, training_throughput, _larger_micro_batch])
def test_a_law_of_a_step_does_not_read(law, field):
    more = (1.0,) if law is _larger_micro_batch else ()
    for run in RUNS:
        other = run.changed(**{field: CHANGES[field]})
        assert unwrap(law)(plan(other), *more) == unwrap(law)(plan(run), *more), run.model


def test_what_is_remembered_of_one_run_is_never_said_of_another_batch_or_card():
    run = RUNS[0]
    for changes in (
        {"micro_batch_size": 8},
        {"sequence_length": 2048},
        {"accelerator": "nvidia-h200"},
        {"model": "HuggingFaceTB/SmolLM2-360M"},
        {"dataset": "openai/gsm8k"},
        {"packing": True},
    ):
        other = run.changed(**changes)
        for law in (training_memory, training_throughput):
            assert law(plan(run)) == unwrap(law)(plan(run))
            assert law(plan(other)) == unwrap(law)(plan(other))


def test_runs_that_differ_in_chance_alone_share_their_curve_and_keep_their_own_clock():
    one, other = rehearse(RUNS[0]), rehearse(RUNS[0].changed(seed=1, name="twin"))
    assert one.curve is other.curve
    assert (one.plan.config.seed, other.plan.config.seed) == (0, 1)
    assert (one.timing.seed, other.timing.seed) == (0, 1)
