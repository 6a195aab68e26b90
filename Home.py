"""Overview: what this workspace has done, what runs in it now, and where to go next."""

from vapor_ui.entrance import arrival

arrival.begin("Overview")

from vapor_ui.overview import workspace_view
from vapor_ui.shell import frame, live, session, welcome

store = frame.page("Overview")
if store.jobs():
    if not session.read_only():
        workspace_view.start_button()
    live.mount(workspace_view.draw)
else:
    workspace_view.nothing_yet()
    live.mount()
welcome.greet()
