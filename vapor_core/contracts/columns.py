"""Which columns metrics have: of a job, one row a step; of a deployment, one row a tick. Units are in the names."""

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
