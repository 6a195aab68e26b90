"""Which columns metrics have: of a job, one row a step; of a deployment, one row a tick. Units are in the names.

A job that came in as a log may have further evaluation sets: columns `eval_loss/<set>` after TRAINING_COLUMNS.
"""

from collections.abc import Iterable

TICK_S = 5.0  # seconds that a row of a deployment's metrics is about
TRAINING_COLUMNS = (
    "step",
    "epoch",
    "tokens",
    "elapsed_s",
    "loss",
    "eval_loss",
    "learning_rate",
    "grad_norm",
    "tokens_per_second",
    "step_time_s",
    "memory_gb",
    "utilization",
    "cost_usd",
)
EVAL_SET = "eval_loss/"  # and the set's name: losses on evaluation sets besides that of `eval_loss`
SERVING_COLUMNS = (
    "elapsed_s",
    "request_rate",
    "succeeded",
    "client_errors",
    "server_errors",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "ttft_ms",
    "tpot_ms",
    "tokens_per_second",
    "queue_depth",
    "replicas",
    "utilization",
    "cost_usd",
)


def eval_set_column(name: str) -> str:
    """The column of an evaluation set besides the one of `eval_loss`; such columns follow TRAINING_COLUMNS."""
    plain = "".join(letter if letter.isalnum() or letter in "_-+" else "_" for letter in name)[:40].strip("_")
    return EVAL_SET + (plain or "set")


def eval_sets(columns: Iterable[str]) -> tuple[str, ...]:
    """Those of some columns that are losses on further evaluation sets, in order."""
    return tuple(column for column in columns if column.startswith(EVAL_SET))


def is_column(name: str) -> bool:
    """Whether a job's metrics may have a column of that name."""
    return name in TRAINING_COLUMNS or name.startswith(EVAL_SET)
