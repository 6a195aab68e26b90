"""The command `vapor`: what is done to journals and jobs from a terminal, as thin as a page.

journal: The commands that look after a journal: `vapor journal check | repair | export | restore`.
main: Where the command `vapor` starts: its groups of commands, and how an error becomes one line and an exit
    code.
"""
