"""Jobs that really run, on this machine, each in a folder of its own and under a supervisor of its own.

Nothing here imports torch: the trainer is another process.

earlier_runs: What earlier runs on this machine took until their first step: what no law knows as well as the
    machine does.
jobs: The seam to real work on this machine: what is wanted is written into a job's folder, what is there is
    read.
line: Where a job stands among those that wait for this machine, and letting it go first.
log_rows: metrics.jsonl as columns: what a trainer has told so far, read as it grows.
machine: This machine as an accelerator, measured in a process of its own: a rehearsal for it can be held
    against a run.
own_data: A person's own data on this machine: kept when it is read, so that a run can train on it, and
    bounded.
own_models: Models in folders of this machine that a run can start from: each folder in VAPOR_MODELS that
    holds one.
place: This machine as the seam asks about it: measured, with its models, the data kept on it, and the line of
    who waits.
run_directory: A real job's folder: what was asked for, what its trainer wrote, and whose process has it.
run_spec: A job's spec.json: its configuration, and where its weights and its data come from on this machine.
slots: Whose turn it is: jobs that wait for this machine, in an order that can be changed, and how many run at
    once.
supervisor: The process that owns one job's trainer: `python -m vapor_core.backends.local.supervisor
    RUN_DIRECTORY LOCK`.
whole_file: A file that is there whole or not at all, whoever is killed while it is written.
"""
