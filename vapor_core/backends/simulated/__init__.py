"""Jobs and endpoints that are computed, never run.

card_queue: Who gets which cards when: the simulated region's queue, first come first served, one line an
    accelerator.
deployments: The simulated deployments: telemetry that is computed tick by tick; `endpoints` has what it
    follows from.
endpoints: A simulated endpoint over its revisions: which model served which ticks, and how it is now.
jobs: The simulated backend: jobs that are computed, never run.
runs: What befell a simulated job: its states from submission to its end, by its run, its cards and what was
    done to it.
samples: Which steps of a very long run are computed for a chart of all of it: stretches at equal distances,
    and evaluations.
"""
