"""A workspace, or part of one, that travels.

checks: Whether what was shared is something that Vapor could have done: each event by itself and after those
    before it.
files: A workspace as a JSON file that a person can keep, and back.
links: A workspace, or part of one, in the text of a link: compressed, versioned, and signed where a secret is
    set.
selection: Which events a part of a workspace needs, so that its curves are the same on the other side.
tracking_tokens: Who may log runs into which workspace: a token each, of which the journal keeps the digest
    alone.
validation: What was shared becomes a world again, and is believed only after every event was checked.
"""
