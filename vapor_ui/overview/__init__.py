"""The Overview page.

workspace_view: The workspace at a glance: six figures, its jobs by status and its endpoints by health.
"""
