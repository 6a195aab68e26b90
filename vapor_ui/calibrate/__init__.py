"""The Calibrate and Fidelity pages.

fit: What a calibration amounts to: the fit run by run, and what it says of a run that was not done yet.
form: A real run's log and which configuration it was: what Calibrate asks for.
measured_errors: The errors of the laws drawn: one table of targets, and each kind by its sources with its
    points.
"""
