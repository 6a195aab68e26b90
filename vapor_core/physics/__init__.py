"""The laws, each with its source.

activations: What a run keeps of its data: each layer's values for its backward pass, attention scores, the
    loss, in bytes.
faults: How often hardware interrupts a run, and when it does so here.
memory: How much memory one accelerator needs at the peak of training.
plan: What a configuration means in counts: model, data and card looked up; steps, sequences and tokens
    counted.
states: What a run keeps whatever its data: weights, gradients and the optimizer's states, in bytes a card.
throughput: How long a training step takes on given accelerators, and why: arithmetic, memory traffic,
    communication.
timing: When each step of a run ends: mean step time, jitter, evaluations, checkpoints and hardware faults.
transformer: How many parameters, values and FLOPs a transformer has: the one count that every law reads.
"""
