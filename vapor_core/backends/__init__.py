"""Engines that run jobs, behind one seam.

absent: Backends that this installation does not have: they refuse, and say what is needed.
base: The two seams behind which work runs: one for jobs, one for deployments.
imported: Runs that were made elsewhere and came in as a log: they are over, and only shown.
log_columns: The columns of an imported log as text in the journal, and back as they were.
machines: How a configuration becomes one for the place where it really runs.
registry: Which backends there are: a name -> what it can do, and how it is built.
unknown: What stands for the configuration of a run that another program did, where nothing says what was
    trained.
"""
