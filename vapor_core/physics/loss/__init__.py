"""What the loss of a run does.

curve: What the loss of a run does, step by step: the other modules' laws assembled into one curve.
divergence: What a run looks like when it diverges: its losses and its gradient norm.
fine_tuning: Where a fine-tune starts and ends, and how fast it gets there.
gradient: The norm of the gradient while a run does not diverge.
laws: Compute-optimal laws L(N, D) of corpora, and the loss of a model that knows nothing.
memorisation: What a fine-tune learns by heart: how the loss on its own examples steps down with each pass,
    and what that costs.
preferences: What the losses of preference methods do: they are no cross-entropies of text, and start where
    theirs start.
pretraining: How a pretraining run falls and where it ends: the law of its corpus, what its settings cost, its
    schedule's shape.
repeats: What text is worth when it is repeated, and when a run starts to learn it by heart.
schedule: The learning rate by step, as common trainers draw it, and the steps at which a run is worked out.
spikes: When the training loss jumps, how far, and how it recovers.
stability: Which learning rate and batch a pretraining run wants, what others cost, and when it diverges.
texts: What a data set costs a model in nats a token: before it is tuned on it, and once its manner is learnt.
"""
