"""The Monitor and Compare pages.

actions: What a person can do about one job: pause, resume, stop, deploy, clone, rename, delete, and take a
    cure.
against_rehearsal: A real run beside what it was rehearsed to be: in sentences, as a band of its loss and a
    table; its calibration.
chooser: Which job Monitor shows: the one that the address names, or one to choose.
comparison: Several jobs drawn over each other, with what differs in their configurations and the best of
    each.
downloads: *Export*: a job or a comparison as files to keep.
following: Runs that others start: follow a log within the server's folder of runs, or let a trainer log into
    this workspace.
forking: Back in time on one job: look at it as it was at an earlier step, and let a changed copy go on from
    there.
job_view: One job drawn: its figures, progress, charts, findings and events, from what the store holds now.
key_again: A job on a rented machine that cannot be seen since the server began anew: its key is given again.
log_import: *Import a log*: what a real run wrote becomes a job that is over, beside the simulated ones.
rules: Rules that watch this workspace's live jobs: keeping and forgetting them, and what they have told of a
    job.
view_controls: How curves are looked at: over what, how smooth, on which scale.
"""
