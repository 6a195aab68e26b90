"""Laws and keyed noise as columns.

endpoint: What an endpoint does, tick by tick: requests, latency, errors, replicas and cost.
fork: What a simulated job would do if nobody intervened: its rows, its pace and its end; a fork's as well.
training: A training run as a function of its step: the laws of `physics` and the keyed noise, as columns of
    any range.
"""
