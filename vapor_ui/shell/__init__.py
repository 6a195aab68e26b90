"""What every page stands in.

address: What a page's address says: its query parameters read with care, their names, and where the app is
    served.
frame: What every page shares: time control, messages, and what is looked at.
garbage: Long-lived objects taken out of the garbage collector's sight.
live: The one part of a page that changes by itself: its live fragment, the head's clock, and the timer that
    drives both.
looking: What is looked at in place of one's own workspace: a shared link, or an earlier instant of one's own.
menu: The workspace as a whole, in the sidebar: share it, keep it as a file, bring one in, rewind, sign in.
refresh_rate: How often a live page refreshes: each second, and less often while the server takes long over
    it.
session: What a page works on and what time it is: the store on screen, the only clock, and the one door to
    every action.
settings: What whoever runs the app has configured: environment variables first, then Streamlit's secrets.
share: *Share*: what is on screen as one address that holds all of it, for whoever it is given to.
state: What the shell keeps of a session from one run to the next; a screen's own stands in the screen's
    module.
team: A workspace that several people share: who has signed in can invite others to look or to work, and join
    them.
welcome: What a first visitor sees: a dialog that says what this is, and a demo workspace by one click.
workspaces: Whose workspace this is, and its journal: each browser has its own, by the id that it told at its
    arrival.
"""
