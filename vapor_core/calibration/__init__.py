"""The laws fitted to a person's own runs.

comparison: How near a forecast comes to a run that was measured, with a calibration and without, and what it
    says of others.
fit: Which constants a person's own runs have: (config, measured frame) pairs -> Calibration.
points: The points of a measured run that constants are fitted to, and the least squares that fit them.
tuning: What a fine-tune's own log says of its constants, from its first steps on: first and learnt loss,
    pace, memory.
"""
