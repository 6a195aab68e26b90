"""Time series in bounded memory.

retention: Which points of a series are kept: a recent window whole, older ones as telling rows of equal
    buckets.
sampling: Which points of a series a chart draws, and its smoothed line: pure functions over arrays.
series: The time series of jobs and deployments: taken in point by point, handed out as what a chart draws.
"""
