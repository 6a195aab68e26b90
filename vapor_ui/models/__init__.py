"""The Models page.

details: One model in full: its architecture, what a token of context costs, and which cards it fits.
listing: The curated catalog as cards with filters, and what this workspace has trained, with its lineage both
    ways.
"""
