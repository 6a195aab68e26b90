"""The command `vapor`: what is done to journals and jobs from a terminal, as thin as a page.

doctor: `vapor doctor`: what is installed, which backends are on and what they lack, and whether the journal
    is whole.
estimate: `vapor estimate`: what a run will take, from any trainer's file, and whether it stays within limits.
estimate_table: An estimate on a terminal: figures with their ranges, risks with their cures, what was left
    out of a file.
follow: `vapor follow`: a run that a trainer is doing, in a terminal, from the log that it writes.
journal: The commands that look after a journal: `vapor journal check | repair | export | restore`.
main: Where the command `vapor` starts: its groups of commands, and how an error becomes one line and an exit
    code.
measure: `vapor measure`: what this machine can do, so that a rehearsal for it can be held against a run on
    it.
run: `vapor run`: the app, as `streamlit run Home.py` starts it.
serve: `vapor serve`: the app, and beside it the routes by which trainers log their runs into it.
told: How a command ends: what it could not do is one line on the error stream, and its exit code says which
    kind it is.
"""
