"""A workspace with something to see on every screen: jobs in telling states and two endpoints.

It is made by ordinary actions, the world leaping forward between them, so its journal is one like any other. When
each happens follows from its own estimate, so that a law that is refitted moves no job out of its telling state.
"""

from collections.abc import Callable

from vapor_core.advice.estimate import estimate
from vapor_core.contracts.serving import Traffic
from vapor_core.contracts.training import JobConfig
from vapor_core.workspace.store import Store

WorkspaceEvent = Callable[[Store, float], None]
Script = list[tuple[float, WorkspaceEvent]]  # (seconds before the end, action)

HEALTHY = JobConfig(
    name="Alpaca on Qwen2.5 1.5B",
    model="Qwen/Qwen2.5-1.5B",
    dataset="yahma/alpaca-cleaned",
    gradient_checkpointing=True,
    seed=11,
)
OVERFITTING = JobConfig(
    name="Twelve epochs of 2,000 examples",
    model="HuggingFaceTB/SmolLM2-360M",
    dataset="mhenrichsen/alpaca_2k_test",
    method="full",
    learning_rate=1e-4,
    epochs=12,
    seed=12,
)
DIVERGED = JobConfig(
    name="Learning rate of 0.02",
    model="openai-community/gpt2-medium",
    dataset="databricks/databricks-dolly-15k",
    method="full",
    learning_rate=0.02,
    warmup_ratio=0.0,
    seed=13,
)
TOO_LARGE = JobConfig(
    name="Llama 3.1 8B, full, on one L4",
    model="meta-llama/Llama-3.1-8B",
    method="full",
    seed=14,
)
PAUSED = JobConfig(
    name="Maths on Llama 3.2 1B",
    model="meta-llama/Llama-3.2-1B",
    dataset="openai/gsm8k",
    method="qlora",
    seed=15,
    gradient_checkpointing=True,
)
SERVED = JobConfig(
    name="Dolly on SmolLM2 1.7B",
    model="HuggingFaceTB/SmolLM2-1.7B",
    dataset="databricks/databricks-dolly-15k",
    accelerator="nvidia-a100-80gb",
    epochs=2,
    seed=16,
)
FINISHED = JobConfig(
    name="Code on Qwen2.5 0.5B",
    model="Qwen/Qwen2.5-0.5B",
    dataset="sahil2801/CodeAlpaca-20k",
    seed=17,
)
PRETRAINING = JobConfig(
    name="SmolLM2 135M from scratch",
    model="HuggingFaceTB/SmolLM2-135M",
    dataset="HuggingFaceFW/fineweb-edu",
    method="pretrain",
    accelerator="nvidia-b200",
    accelerator_count=16,
    sequence_length=2048,
    micro_batch_size=16,
    gradient_accumulation_steps=1,
    max_steps=40_000,
    schedule="wsd",
    seed=18,
)
QUEUED = JobConfig(
    name="Waits for eight B200",
    model="Qwen/Qwen3-8B",
    dataset="HuggingFaceH4/ultrachat_200k",
    accelerator="nvidia-b200",
    accelerator_count=8,
    sharding="zero3",
    seed=19,
)


def fill(store: Store, now: float) -> None:
    """Fill a workspace, ending at `now`; jobs that it has already go forward with it.

    Raises:
        JournalError: where it cannot be recorded.
    """
    left = 0.0
    for before_s, act in sorted(script(), key=lambda line: -line[0]):
        if left:
            store.skip(left - before_s, now=now)
        act(store, now)
        left = before_s
    store.skip(left, now=now)
    store.advance(now=now)


def script() -> Script:
    """What is done, and how long before the end."""
    whole = {
        each.name: estimate(each).duration_s for each in (HEALTHY, OVERFITTING, PAUSED, SERVED, FINISHED)
    }
    served_s, finished_s = 26 * 3600.0, 6 * 3600.0  # since they were deployed
    begun = {
        SERVED: served_s + 1.5 * whole[SERVED.name],
        FINISHED: finished_s + 1.5 * whole[FINISHED.name],
        DIVERGED: 1.2 * estimate(DIVERGED).duration_s + 1800,
        TOO_LARGE: 5 * 3600.0,
        OVERFITTING: 0.85 * whole[OVERFITTING.name],
        PAUSED: 0.4 * whole[PAUSED.name] + 1800,
        HEALTHY: 0.6 * whole[HEALTHY.name],
        PRETRAINING: 0.5 * estimate(PRETRAINING).duration_s,
        QUEUED: 600.0,
    }
    lines: Script = [(before_s, _submit(config)) for config, before_s in begun.items()]
    lines.append((1800.0, _pause(PAUSED)))
    lines.append((served_s, _deploy(SERVED, "Assistant", "daily")))
    lines.append((finished_s, _deploy(FINISHED, "Code completion", "spike")))
    return lines


def _submit(config: JobConfig) -> WorkspaceEvent:
    def act(store: Store, now: float) -> None:
        store.submit(config, now=now)

    return act


def _pause(config: JobConfig) -> WorkspaceEvent:
    def act(store: Store, now: float) -> None:
        store.pause(_id(store, config), now=now)

    return act


def _deploy(config: JobConfig, name: str, traffic: Traffic) -> WorkspaceEvent:
    def act(store: Store, now: float) -> None:
        store.deploy(_id(store, config), name=name, traffic=traffic, accelerator="nvidia-l4", now=now)

    return act


def _id(store: Store, config: JobConfig) -> str:
    """Of the job that the script submitted last with this configuration."""
    return [job.id for job in store.jobs() if job.config == config][-1]
