"""What a column of a log is, by its name: each trainer's word for the step, the losses, the rates and the clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["quantity", "loss", "eval", "part", "summary", "planned", "run", "rank", "split"]

HELD_OUT = frozenset(
    {"eval", "evaluation", "val", "valid", "validation", "test", "testing", "dev", "heldout", "evals"}
    | {"validate", "validating", "evaluate", "evaluating"}
)
TRAIN = frozenset({"train", "training", "trn", "tr", "trainer"})
LOSS = frozenset({"loss", "losses", "crossentropy", "xent", "logloss", "mlogloss"})
# Words that say nothing about which loss it is.
PLAIN = frozenset(
    {"total", "mean", "avg", "average", "global", "lm", "step", "epoch", "reduced", "metrics", "metric", "batch"}
    | {"running", "smoothed", "value", "causal", "model", "main", "objective", "optim", "log", "logs", "charts"}
    | {"cross", "entropy", "language", "all", "per", "token", "iter", "interval", "at", "values", "scalars", "nats"}
    | {"avr", "softmax", "categorical", "sparse"}
)  # fmt: skip
# A loss in the name of what is none.
NO_LOSS = frozenset(
    {
        "scale",
        "scaler",
        "weight",
        "weights",
        "ratio",
        "std",
        "count",
        "tokens",
        "ppl",
        "lr",
        "best",
        "improve",
        "improved",
    }
)
_OPTIMIZER = re.compile(
    r"(adam|w|adamw|sgd|lion|muon|adafactor|optimizer|pg\d+|group\d*|params?|\d+|8bit|paged|fused|deep|speed|cpu|zero)"
)
# Normalized names, the preferred first.
QUANTITIES: dict[str, tuple[str, ...]] = {
    "step": (
        *("train_global_step", "global_step", "trainer_global_step", "optimizer_step", "num_updates"),
        *("current_steps", "current_step", "step", "steps", "train_step", "training_step", "wandb_step"),
        *("iteration", "iterations", "iter", "iters", "it", "update", "updates", "batch"),
    ),
    "epoch": ("epoch", "epochs", "epoch_float", "num_epochs_done", "ep"),
    "tokens": (
        *("total_tokens", "num_input_tokens_seen", "num_tokens", "tokens_seen", "consumed_tokens"),
        *("trained_tokens", "n_tokens", "cumulative_tokens", "time_token", "tokens", "token"),
    ),
    "elapsed_s": (
        *("elapsed_s", "wandb_runtime", "runtime", "elapsed_time", "elapsed", "time_elapsed", "relative_time_process"),
        *("relative_time_wall", "relative_time", "total_time", "total_time_s", "train_time_s", "train_time"),
        *("train_time_ms", "wall", "wall_time", "wall_time_s", "wall_time_sec", "wall_clock_time", "time", "time_s"),
        *("wandb_timestamp", "timestamp", "datetime", "date", "created_at", "ts"),
    ),
    "learning_rate": ("learning_rate", "lr", "last_lr"),
    "grad_norm": (
        *("grad_norm", "gradient_norm", "total_grad_norm", "total_norm", "global_grad_norm", "gnorm"),
        *("grad_norm_total", "gradient_l2_norm", "l2_norm_grad_global", "norm"),
    ),
    "tokens_per_second": (
        *("tokens_per_second", "tokens_per_sec", "tok_per_sec", "tok_per_second", "tokens_s", "tokens_sec"),
        *("tok_s", "tok_sec", "train_tokens_per_second", "throughput", "tps", "wps"),
        *("tokens_per_second_per_gpu", "device_tokens_per_sec", "device_tokens_per_second"),
        *("tokens_per_sec_per_gpu", "tgs", "tokens_per_gpu_per_sec"),
    ),
    "step_time_s": (
        *("step_time_s", "step_time", "step_time_ms", "time_per_step", "iter_time", "iter_time_s", "iter_time_ms"),
        *("iteration_time", "elapsed_time_per_iteration_ms", "elapsed_time_per_iteration_s", "step_timing_in_s"),
        *("train_step_timing_in_s", "time_per_iteration", "seconds_per_step", "sec_per_step", "dt", "dt_ms", "step_ms"),
    ),
    "memory_gb": (
        *("memory_gb", "gpu_memory_gb", "peak_memory_gb", "gpu_mem_gb", "peak_mem_gb", "peak_memory_active"),
        *("peak_memory_alloc", "peak_memory_allocated", "max_memory_allocated", "max_memory_gb", "memory_allocated"),
        *("peak_memory", "peak_mem", "memory", "gpu_memory", "gpu_mem", "mem", "memory_usage", "memory_mb"),
        *("gpu_memory_mb", "peak_memory_mb", "memory_mib", "memory_gib", "memory_bytes", "peak_memory_reserved"),
    ),
}  # fmt: skip
PER_DEVICE = frozenset(QUANTITIES["tokens_per_second"][12:])
SUMMARIES = {
    "train_runtime": "runtime_s",
    "total_flos": "flops",
    "train_samples_per_second": "samples_per_second",
    "train_steps_per_second": "steps_per_second",
}
PLANNED = frozenset(
    {"total_steps", "max_steps", "total_iters", "train_iters", "num_train_steps", "max_iters"}
    | {"total_optimization_steps", "total_train_steps", "total_training_steps", "num_training_steps"}
)
RUNS = (
    *(
        "run_name",
        "run",
        "run_id",
        "runid",
        "run_uuid",
        "run_key",
        "run_hash",
        "experiment",
        "experiment_name",
        "exp_name",
    ),
    *("trial_name", "trial_id", "trial", "job_name"),
)
RANKS = ("global_rank", "rank", "process_index", "process_id", "worker", "local_rank")
SPLITS = ("split", "phase", "mode", "stage", "subset", "set")
MEMORY_UNITS = frozenset({"gb", "gib", "mb", "mib", "bytes"})
NOT_USED = frozenset({"total", "available", "free", "percent", "util", "utilization", "cpu", "disk", "ram"})
_PREFIXES = TRAIN | {
    *("metrics", "metric", "optim", "optimizer", "perf", "system", "throughput", "charts", "log", "logs"),
    *("time", "memory", "gpu", "speed", "timing", "debug", "progress", "stats", "values", "scalars"),
}
_UNIT_SCALES = {
    **{"ms": 1e-3, "us": 1e-6, "minutes": 60.0, "min": 60.0, "hours": 3600.0},
    **{"mb": 1e-3, "mib": 1.073741824 / 1024, "bytes": 1e-9, "gib": 1.073741824},
}


@dataclass(frozen=True, slots=True)
class Role:
    """What a column is.

    Attributes:
        kind: a quantity that Vapor draws, the training loss, a held-out loss, one part of a loss, or bookkeeping.
        name: the quantity's column, or the summary's; of a held-out loss or a part its own name ("" is the plain one).
        rank: the lower, the sooner it is taken where several columns are the same thing.
        scale: times this, it has Vapor's unit.
        per_device: a rate of one accelerator.
        held_out: of a part, whether it was measured on held-out data.
    """

    kind: Kind
    name: str
    rank: int = 0
    scale: float = 1.0
    per_device: bool = False


def words_of(raw: str) -> tuple[str, ...]:
    """A name's words in lower letters: "train/lossStep" is ("train", "loss", "step")."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", raw.strip().strip("'\""))
    return tuple(word for word in re.split(r"[\s/._\-:|()\[\],#]+", spaced.lower()) if word)


APART = " - "  # between a run's name and its metric in W&B's export of a chart


def apart(name: str) -> tuple[str, str]:
    """(run, metric) of a column, the run "" where it names none."""
    run, between, metric = name.rpartition(APART)
    return (run.strip(), metric.strip()) if between and run.strip() else ("", name)


@lru_cache(maxsize=4096)
def role_of(raw: str) -> Role | None:
    """What the column of a name is; None where its name says nothing that Vapor draws."""
    if len(raw) > 300 or raw.strip().upper().endswith(
        ("__MIN", "__MAX")
    ):  # W&B writes three columns a metric
        return None
    words = words_of(raw)
    if not words:
        return None
    if raw.strip() in ("_step", "_runtime", "_timestamp"):
        words = ("wandb", *words)
    name = "_".join(words)
    return _bookkeeping(name, words) or _loss(words) or _quantity(name, words)


def _bookkeeping(name: str, words: tuple[str, ...]) -> Role | None:
    bare = name.removeprefix("train_") if name.startswith("train_train_") else name
    if bare == "train_total_flos":
        bare = "total_flos"
    if bare in SUMMARIES:
        return Role("summary", SUMMARIES[bare])
    if name in PLANNED or "_".join(words[1:]) in PLANNED:
        return Role("planned", "planned_steps")
    for kind, names in (("run", RUNS), ("rank", RANKS), ("split", SPLITS)):
        if name in names:
            return Role(kind, name, names.index(name))  # type: ignore[arg-type] # the three kinds above
    return None


def _loss(words: tuple[str, ...]) -> Role | None:
    if not LOSS & set(words) and not _is_entropy(words):
        return None
    if NO_LOSS & set(words):
        return None
    own = [word for word in words if word not in LOSS | TRAIN | PLAIN]
    if any(word in HELD_OUT for word in words):
        test = [word for word in own if word in ("test", "testing")][:1]
        name = "_".join([*test, *(word for word in own if word not in HELD_OUT)])
        return Role("eval", name, _rank(words))
    if own:
        trained = any(word in TRAIN for word in words)
        return Role("part", "_".join(own), 0 if trained else 1)
    return Role("loss", "", _rank(words))


def _is_entropy(words: tuple[str, ...]) -> bool:
    return "entropy" in words and "cross" in words


def _rank(words: tuple[str, ...]) -> int:
    """Plain names first; of a loss a step and a loss an epoch the one a step, of held-out ones the one an epoch."""
    held_out = any(word in HELD_OUT for word in words)
    order = {("reduced", "train", "loss"): -1, ("loss",): 0, ("train", "loss"): 1}
    late = {"epoch": 4 if not held_out else 2, "step": 2 if not held_out else 4, "running": 3, "smoothed": 5}
    return order.get(words, 10 * max((late.get(word, 0) for word in words), default=0) + len(words))


def _quantity(name: str, words: tuple[str, ...]) -> Role | None:
    if words[0] in HELD_OUT:
        return None
    for shortened, candidate in enumerate((name, "_".join(words[1:]) if words[0] in _PREFIXES else "")):
        if found := _QUANTITY.get(candidate):
            column, rank = found
            scale = 1.0
            if column in ("elapsed_s", "step_time_s", "memory_gb"):
                scale = next((_UNIT_SCALES[word] for word in words if word in _UNIT_SCALES), 1.0)
            return Role("quantity", column, 2 * rank + shortened, scale, candidate in PER_DEVICE)
    return _memory(words) or _token_rate(words) or _learning_rate(words)


def _memory(words: tuple[str, ...]) -> Role | None:
    """Memory that says its unit, whatever else it says: `memory/max_active (GiB)`."""
    unit = next((word for word in words if word in MEMORY_UNITS), None)
    if unit is None or not {"memory", "mem"} & set(words) or NOT_USED & set(words):
        return None
    sort = next(
        (at for at, word in enumerate(("active", "allocated", "alloc", "reserved")) if word in words), 4
    )
    return Role("quantity", "memory_gb", 200 + sort, _UNIT_SCALES.get(unit, 1.0))


def _token_rate(words: tuple[str, ...]) -> Role | None:
    """Tokens a second, however they are spelt."""
    if not {"tokens", "token", "tok"} & set(words) or words[-1] in ("avg", "mean"):
        return None
    if not {"s", "sec", "second", "seconds"} & set(words) or not {"per", "s", "sec"} & set(words):
        return None
    own = bool({"gpu", "device", "rank", "chip"} & set(words))
    return Role("quantity", "tokens_per_second", 200 + own, per_device=own)


def _learning_rate(words: tuple[str, ...]) -> Role | None:
    """Lightning's `lr-AdamW`, Ultralytics' `lr/pg0`, OLMo's `optim/learning_rate_group0`."""
    rest = words[1:] if words[0] in _PREFIXES else words
    if rest[:2] == ("learning", "rate"):
        rest = rest[2:]
    elif rest[:1] == ("lr",):
        rest = rest[1:]
    else:
        return None
    if all(_OPTIMIZER.fullmatch(word) for word in rest):
        return Role("quantity", "learning_rate", 100 + len(rest))
    return None


_QUANTITY = {name: (column, rank) for column, names in QUANTITIES.items() for rank, name in enumerate(names)}
