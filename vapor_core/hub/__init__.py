"""What the Hugging Face Hub knows.

architecture: How a model is built, read from the config.json that its publisher shipped.
client: Searches the Hub and asks it for one model, within a time limit, through a cache; a fault falls back
    to the catalog.
listing: What the Hub says of models, read from its answers: who is listed, and how one is built.
request: One question to the Hub, bounded in time and length, whose every fault is a HubUnavailable.
"""
