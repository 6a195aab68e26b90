"""Models: the curated catalog, the Hub, and what this workspace has trained and deployed."""

from vapor_ui.entrance import arrival

arrival.begin("Models")

from vapor_ui.models import details, listing
from vapor_ui.shell import frame

store = frame.page("Models")
model = details.asked_model(store)
if model is None:
    listing.lists(store)
else:
    details.in_full(store, model)
