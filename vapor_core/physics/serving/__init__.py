"""What an endpoint can do.

autoscaling: How many replicas stand by: an autoscaler and its cold starts as closed forms over trailing
    windows.
load: What a served model does under a load: latency, throughput, saturation and price.
memory: How much memory a card needs to serve, and the room that is left for keys and values.
queue: A first-come-first-served queue in front of one inference engine with continuous batching.
step: How long one step of an inference engine takes, from architecture and card: the roofline of serving.
traffic: How many requests per second people send: four scenarios as closed forms of time.
"""
