"""Jobs that really run, on a Ray cluster, which has the queue and the machines.

api: Ray's Jobs API over HTTP, as its documentation has it: what Vapor asks a cluster, bounded in time and
    length.
entry: What Ray runs as a job: `python -m vapor_core.backends.ray.entry RUN_DIRECTORY`.
jobs: The seam to real work on a Ray cluster: a job is the folder that it is on this machine, and Ray says
    when it runs.
place: Where the cluster is: at RAY_ADDRESS, or one on this machine that Vapor starts, owns and finds again.
submit: Brings one job to what is wanted of it on the cluster: `python -m vapor_core.backends.ray.submit
    RUN_DIRECTORY`.
view: What a cluster last said of its jobs, remembered: a page asks here and waits for nobody.
"""
