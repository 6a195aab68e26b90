"""Rules that watch live jobs, without code.

cases: Whether what a rule watches for has come to pass with a job: the step at which, and one sentence.
telling: Sends what a rule has found to where the rule says.
watcher: Looks after a workspace's live jobs by its rules: what comes to pass is recorded once, and may stop a
    job.
"""
