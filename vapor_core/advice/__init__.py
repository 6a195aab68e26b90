"""What to know before and after a run.

budget: Fit it for me: which configurations of a model and data are worth their money.
cures: Which change of a configuration would cure what is wrong with it.
detectors: What looks sick in a series of metrics, simulated or real; nothing is known here of where it came
    from.
estimate: What a run will take, before it is paid for: JobConfig -> Estimate, with ranges, risks and
    assumptions.
expectation: What a real run is rehearsed to be, as it is kept when it is submitted; `outcomes` holds the run
    against it.
failures: Why a job failed: what happened, why, and the change that cures it, in words with the numbers.
memory_terms: What an estimate of memory takes for granted: whose trainer, which precision and kernels,
    measured or not.
outcomes: A real run against what it was rehearsed to be: how it stands while it goes on, and how it came out.
risks: What a person should know before paying: each risk with its number and the change that cures it.
"""
