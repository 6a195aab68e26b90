"""Pieces that pages are made of.

addressed: A choice that stands in the page's address and is always one.
cards: The small pieces that pages are made of: values in, elements out.
demand_fields: Fields for what people ask of an endpoint: requests a second, how they come, and how long they
    are.
deploy_dialog: *Deploy*: where and how to serve the result of a job, with what one replica would do.
engine_fields: Fields for the inference engine of an endpoint: which, and behind an expander what few people
    change.
hub_search: The Hub on a screen: this server's one client, and a search box with what it finds.
key_field: A field for a key of a person's own, such as a token: in this session's memory alone, and never
    told again.
links: Ways from one page to another: links to a job or an endpoint, and the buttons that lead on.
listing: Jobs and endpoints in lists: rows with their load, and jobs to choose from.
prices: What an hour of a card costs at which provider, and since when somebody knows: small words beside a
    choice of card.
sparkline: The recent course of a figure as a small picture without axes.
stop_dialog: *Stop*: asked once more before a job or an endpoint is ended, since neither can be started again.
"""
