"""One workspace: act, advance, read.

actions: What each action demands: it is checked against the world at its instant and becomes an event, or an
    error.
adoption: What comes into a workspace from outside it, as events: logs of real runs, and jobs of other
    workspaces.
carrying_out: What is recorded of real work, handed to the backend that does it; what was carried out before
    is not done again.
demo: A workspace with something to see on every screen: jobs in telling states and two endpoints.
kept: What a workspace keeps by name: a person's own data and models, calibrations, and the rules that watch
    its jobs.
live: A world in step with its journal and its backends, and how far of it has been seen.
members: Who may see or change whose workspace: invitations, roles and members, kept in a log of their own in
    the journal.
replay: A workspace at an earlier instant, moving on as it did then: nothing of it is recorded and nothing can
    be done.
series_feed: The metric series of a workspace's jobs and deployments, fed with what has become visible since
    they were read.
staging: Whether an event follows from what was done before: it is tried before it is recorded, and before it
    is taken in.
store: A workspace: do an action, advance it, read it.
views: Jobs, deployments and their sums as a person sees them: records from the journal, states from the
    backends.
watching: What rules that watch jobs demand: each becomes an event, or an error.
world: The journal folded: which jobs and endpoints there are, what was done to them, and how time has run.
"""
