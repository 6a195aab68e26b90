"""Engines that run jobs, behind one seam.

absent: Backends that this installation does not have: they refuse, and say what is needed.
base: The seam behind which jobs run.
imported: Runs that were made elsewhere and came in as a log: they are over, and only shown.
"""
