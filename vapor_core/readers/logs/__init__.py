"""Logs of real runs, in whatever shape their trainer wrote them.

assembly: One run's columns laid out by step: which rows count, in which order, and what is said of the
    others.
choice: Which column is the step, the loss, each evaluation set and each rate: by preference, or as a person
    says.
closing: How a run ended by its log: the closing row's sums, how many steps it took, and how many it was to
    take.
collected: A log's columns as the file gives them, gathered block by block, so that a large file is held as
    numbers alone.
folders: Folders with a file a metric, as MLflow's store and DVCLive keep them: `<run>/metrics/<metric>`.
json_logs: Logs in JSON: a Trainer's state, one object a line, an array, columns of lists, tables of W&B,
    points of MLflow.
lines: What trainers print, a line or a few a step: nanoGPT, llm.c, torchtune, Megatron, DeepSpeed, torchtitan
    and others.
naming: What a column of a log is, by its name: each trainer's word for the step, the losses, the rates and
    the clock.
numbers: Numbers as people and tools write them: with thousands, decimal commas, units, as times of day or as
    dates.
points: Points of metrics by name, step and value, as TensorBoard and MLflow keep them, laid out as one row a
    step.
run_log: What a log holds once it is read: one run's series, what it summed up, how far it came and what was
    left out.
runs: Which runs a log holds: W&B's columns of "run - metric", or a column that names the run.
stepping: Rows put in the order of their steps, each once: after a resume, of several ranks, and thinned where
    too many.
tables: Logs in tables: CSV in any delimiter, Markdown, blanks between columns, and long ones of name, step
    and value.
"""
