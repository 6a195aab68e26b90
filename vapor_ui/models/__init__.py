"""The Models page.

details: One model in full: its architecture, what a token of context costs, and which cards it fits.
listing: The three ways to find a model: the curated catalog by filters, the Hub, and what this workspace has
    trained.
"""
