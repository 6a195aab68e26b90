"""Jobs that really run on Hugging Face's machines, paid by the person whose token starts them.

access: Whose token a job is started and looked at with: a person's own, in the memory of this process alone.
api: The Hub's Jobs API, question by question, bounded in time and length; every fault is one sentence.
follower: A thread that follows one run at the Hub: its state, and what it prints, into the run's folder.
hardware: Machines that the Hub rents out, as it lists them: the card of the catalog that each has, and its
    price an hour.
job_request: What the Hub is asked to run: the training program as one file, run by uv on a machine that is
    rented for it.
jobs: The seam to work on Hugging Face's machines: what is wanted is written into a run's folder, and followed
    from there.
record: What is written down of a run at the Hub, in its folder: which jobs it has there, and what was last
    heard of them.
rental: The Hub's machines as a screen asks for them: what there is, what it costs, and the token that it is
    done with.
starting: Starting a job of the Hub exactly once, whoever tries and whoever is killed meanwhile.
told_events: What a job says aloud, taken by number into the metrics.jsonl of its folder here: each event
    once, in order.
"""
