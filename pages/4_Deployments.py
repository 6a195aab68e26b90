"""Endpoints: `?deployment=ID`. Request rate, latency, errors, replicas, cost and health; scale, roll back, stop."""

from functools import partial

import streamlit as st

from vapor_ui.entrance import arrival

arrival.begin("Deployments")

from vapor_ui.deployments import actions, endpoint, listing
from vapor_ui.shell import frame, live, share

store = frame.page("Deployments")
deployment = listing.asked_deployment(store)
if deployment is not None:
    endpoint.head(deployment)
    actions.bar(deployment)
    share.button("deployment", [deployment.id])
    with st.container():  # there or not, what follows keeps its place and is not drawn anew
        endpoint.failure(deployment)
    shown = endpoint.chosen_range()
    live.mount(partial(endpoint.draw, deployment_id=deployment.id, shown=shown))
elif store.deployments():
    live.mount(listing.show_all)
else:
    listing.nothing_yet(store)
    live.mount()
