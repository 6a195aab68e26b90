"""The laws, each with its source.

activations: What a run keeps of its data: each layer's values for its backward pass, attention scores, the
    loss, in bytes.
faults: How often hardware interrupts a run, and when it does so here.
memory: How much memory one accelerator needs at the peak of training.
plan: What a configuration means in counts: model, data and card looked up; steps, sequences and tokens
    counted.
rates: What cards and links reach of their data sheets while they train, and the constants of the law of
    speed.
speed_range: How far a run's speed may lie from the law's: the middle 80 % of what published runs of its kind
    measured.
states: What a run keeps whatever its data: weights, gradients and the optimizer's states, in bytes a card.
throughput: How long a training step takes on given accelerators, and why: arithmetic, memory traffic,
    communication.
timing: When each step of a run ends: mean step time, jitter, evaluations, checkpoints and hardware faults.
transformer: How many parameters, values and FLOPs a transformer has: the one count that every law reads.
waiting: How long accelerators wait for each other and for their machine's memory, and how long a pipeline
    stands empty.
"""
