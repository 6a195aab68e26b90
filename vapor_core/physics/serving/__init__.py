"""What an endpoint can do.

autoscaling: How many replicas stand by: an autoscaler and its cold starts as closed forms over trailing
    windows.
engines: What sets inference engines apart: how much memory they take, and how they schedule prompts.
load: What a served model does under a load, as it is told to a person: figures, ranges, price and
    assumptions.
memory: How much memory a card needs to serve, and the room that is left for keys and values.
placement: Where a configuration runs: what its cards hold, which of them work on a step, and the most that
    they can serve.
point: What a served model does under one load: latency, throughput and the most that it can serve.
queue: A first-come-first-served queue in front of one inference engine with continuous batching.
ranges: How far measured figures lay from the law's: ranges that held them in `COVERAGE` of the rows of
    sources left out.
saturation: Latency by load of one replica: an open loop swept from idle to saturation.
step: How long one step of an inference engine takes, from architecture and card: the roofline of serving.
traffic: How many requests per second people send: four scenarios as closed forms of time.
"""
