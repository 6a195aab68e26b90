"""The training program: what every real backend runs and Export hands out, with TRL's trainers.

It runs in a process of its own and imports torch there; it imports nothing of the app, which reads `names` alone.

data: Rows to train on: of a file, of the Hub, or of the Python standard library's sources, which are always
    there.
full_disk: A disk that takes no more: how it is recognised, whoever reports it in whose words, and what would
    work.
hub_errors: Why the Hub gave no model or data, in one sentence that says what to do; libraries wrap that in
    pages of advice.
hub_run: The training program as a job of the Hub: it says its events aloud, and keeps checkpoints in a
    repository.
kernels: Which kernels a run gets of those that its configuration names: what this machine lacks is left out,
    and told.
limits: What the training program cannot do on a machine, in words: the app refuses with them, and so does the
    program.
measure: What this machine can do, measured: `python -m vapor_core.program.measure`, a JSON object on its last
    line.
model: The model to train: weights from a folder, a package, the Hub or from scratch; adapters over them; the
    tokenizer.
names: What the program calls things that the Hub and model families call otherwise.
process_memory: This process: the memory that it has held at most, since it began or since its peak was
    forgotten, and its age.
telling: What a run tells while it trains, an event a line in metrics.jsonl; and when it is to end.
train: Train what a run directory's spec.json says: `python -m vapor_core.program.train RUN_DIRECTORY`.
workers: Train what a run directory says with several processes at once: `python -m vapor_core.program.workers
    RUN_DIRECTORY`.
"""
