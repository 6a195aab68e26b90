"""The laws fitted to a person's own runs.

comparison: How near a forecast comes to a run that was measured, with a calibration and without, and what it
    says of others.
fit: Which constants a person's own runs have: (config, measured frame) pairs -> Calibration.
"""
