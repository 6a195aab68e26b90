"""One workspace: act, advance, read.

actions: What each action demands: it is checked against the world at its instant and becomes an event, or an
    error.
adoption: What comes into a workspace from outside it, as events: logs of real runs, and jobs of other
    workspaces.
callers_clock: What a caller's clock means in a workspace, where some event was dated by a clock that was far
    ahead.
carrying_out: What is recorded of real work, handed to the backend that does it; what was carried out before
    is not done again.
demo: A workspace with something to see on every screen: jobs in telling states and two endpoints.
live: A world in step with its journal and its backends, and how far of it has been seen.
members: Who may see or change whose workspace: invitations, roles and members, kept in a log of their own in
    the journal.
replay: A workspace at an earlier instant, moving on as it did then: nothing of it is recorded and nothing can
    be done.
series_feed: The metric series of a workspace's jobs and deployments, fed with what has become visible since
    they were read.
store: A workspace: do an action, advance it, read it.
timeline: How simulated time ran: speeds and leaps by the caller's clock.
two_clocks: What real work tells by the wall clock, in a workspace's simulated time: so that one list can hold
    both.
views: Jobs, deployments and their sums as a person sees them: records from the journal, states from the
    backends.
world: The journal folded: which jobs and endpoints there are, what was done to them, and how time has run.
"""
