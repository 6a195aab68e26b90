"""What a page draws before the app is loaded.

arrival: The first thing that a page does: its name and the ways to all pages, and for a new visit, whose it
    is.
configured: What whoever runs the app has set by name: environment variables first, then Streamlit's secrets.
kept: What a session keeps from one run to the next: one instance each of small dataclasses, all under one
    key.
"""
