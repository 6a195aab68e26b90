"""What the Hugging Face Hub knows.

architecture: How a model is built, read from the config.json that its publisher shipped.
client: What the Hugging Face Hub knows beyond the curated catalog: search, and one model's architecture.
request: One question to the Hub, bounded in time and length, whose every fault is a HubUnavailable.
"""
