"""Why a job failed: what happened, why, and the change that cures it, in words with the numbers."""

from vapor_core.advice.cures import memory_cure
from vapor_core.advice.risks import suitable_rate
from vapor_core.contracts.findings import Failure
from vapor_core.physics.loss.curve import loss_curve
from vapor_core.physics.memory import training_memory
from vapor_core.physics.plan import Plan

SAFE_WARMUP = 0.03  # of the run, where it had none


def explain_failure(asked: Plan, code: str, step: int) -> Failure:
    """Why the job of a plan failed at a step, in words with the numbers, and the change that cures it."""
    return out_of_memory(asked) if code == "out_of_memory" else diverged(asked, step)


def out_of_memory(asked: Plan) -> Failure:
    """The failure of a run whose memory does not fit."""
    memory, card = training_memory(asked), asked.accelerator.display_name
    parts = {
        "weights": memory.weights_gb,
        "gradients": memory.gradients_gb,
        "optimizer states": memory.optimizer_gb,
        "activations": memory.activations_gb,
    }
    largest = max(parts, key=lambda part: parts[part])
    cure = memory_cure(asked)
    return Failure(
        code="out_of_memory",
        what="It ran out of memory while initializing.",
        why=(
            f"It needs {memory.reserved_gb:.1f} GB, the {card} has {memory.available_gb:g} GB; the largest part is "
            f"{largest} with {parts[largest]:.1f} GB."
        ),
        cure=f"{_capital(cure.words)} needs {cure.needs_gb:.1f} GB." if cure else "",
        changes=cure.changes if cure else {},
    )


def diverged(asked: Plan, step: int) -> Failure:
    """The failure of a run whose loss blew up at a step."""
    curve, config = loss_curve(asked), asked.config
    safe = suitable_rate(curve)
    without = "" if asked.warmup_steps else " There is no warm-up, which makes it worse."
    return Failure(
        code="diverged",
        what=f"The loss blew up at step {step:,}.",
        why=(
            f"The learning rate of {config.learning_rate:.2g} is above the {curve.stable_learning_rate:.2g} at which "
            f"this run is stable.{without}"
        ),
        cure=f"A learning rate of {safe:.2g} suits it.",
        changes={"learning_rate": safe} | ({} if asked.warmup_steps else {"warmup_ratio": SAFE_WARMUP}),
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
