"""The laws, each with its source.

faults: How often hardware interrupts a run, and when it does so here.
memory: How much memory one accelerator needs at the peak: training state by state, serving by weights and
    cache.
plan: What a configuration means in counts: model, data and card looked up; steps, sequences and tokens
    counted.
throughput: How long a training step takes on given accelerators, and why: arithmetic, memory traffic,
    communication.
timing: When each step of a run ends: mean step time, jitter, evaluations, checkpoints and hardware faults.
transformer: How many parameters, values and FLOPs a transformer has: the one count that every law reads.
"""
