"""Pieces that pages are made of.

cards: The small pieces that pages are made of: values in, elements out.
hub_search: The Hub on a screen: this server's one client, and a search box with what it finds.
listing: Lists that more than one page shows: deployments by health, sparklines of what lives, jobs to choose
    from.
"""
