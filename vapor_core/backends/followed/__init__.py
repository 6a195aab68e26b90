"""Runs that other programs do, shown as they go.

files: Files that a trainer is writing, read as they grow: what is new since the last look, by a cursor.
folders: Which file of a folder is the log of the run that goes on there, and which runs there are within a
    server's root.
follow: A run that another program does, followed from a notebook or a terminal: its rows as they come.
jobs: The seam to runs that others do: they are read as they go, and nothing is done to them.
live_log: What another program has told of its run so far, as rows by step that grow.
run: One run that another program does, from whichever source it is read: its rows, and how it stands.
tracking: Runs that tell us of themselves, kept as they tell it: a file a run, a line for all that was told at
    once.
whole: A log that is read whole again whenever it has grown: what says of a row what it is, may stand in later
    rows.
"""
