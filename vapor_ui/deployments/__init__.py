"""The Deployments page.

actions: What a person can do about one endpoint: scale, ask more of it, serve another result, roll back,
    stop.
endpoint: One endpoint drawn: its figures, charts, revisions and events, from what the store holds now.
listing: Which endpoint the address names, and all of them where it names none.
"""
