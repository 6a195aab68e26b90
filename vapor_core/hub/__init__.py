"""What the Hugging Face Hub knows.

architecture: How a model is built, read from the config.json that its publisher shipped.
client: Searches the Hub and asks it for one model, within a time limit, through a cache; a fault falls back
    to the catalog.
config_figures: Which figure a config.json gives under which of its names, and what its model's class takes
    where it gives none.
folders: Models that lie in folders, as transformers saves them: their architecture, and how many weights they
    really hold.
layers: Which layers a model has: what mixes the tokens of each, and which MLP follows.
listing: What the Hub says of models, read from its answers: who is listed, and how one is built.
mixers: How many parameters each kind of token mixer has, and how many numbers it keeps for a token: attention
    and the rest.
mlps: How many parameters the MLPs of a model have, and how many of them one token meets: dense ones and
    mixtures.
parameters: What a model's layers add up to: parameters, those that one token meets, and numbers that its
    cache keeps.
request: One question to the Hub, bounded in time and length, whose every fault is a HubUnavailable.
towers: How many parameters a model has for images and sound, apart from its language model.
webhook: Tell what a rule has found to an address that a person gave: JSON that Slack's incoming webhooks
    understand too.
"""
