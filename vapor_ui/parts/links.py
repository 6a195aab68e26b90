"""Ways from one page to another: links to a job or an endpoint, and the buttons that lead on."""

from collections.abc import Sequence

import streamlit as st

OVERVIEW, TRAIN, MONITOR = "Home.py", "pages/1_Train.py", "pages/2_Monitor.py"
COMPARE, DEPLOYMENTS, CALIBRATE = "pages/3_Compare.py", "pages/4_Deployments.py", "pages/7_Calibrate.py"

MONITORED, SERVED = ":material/monitoring:", ":material/rocket_launch:"  # icons of jobs and of endpoints


def job_link(job_id: str, label: str, *, icon: str | None = MONITORED) -> None:
    """To a job on Monitor. The label is Markdown: text from outside needs `text.plain`."""
    st.page_link(MONITOR, label=label, icon=icon, query_params={"job": job_id})


def deployment_link(deployment_id: str, label: str) -> None:
    """To an endpoint on Deployments. The label is Markdown: text from outside needs `text.plain`."""
    st.page_link(DEPLOYMENTS, label=label, icon=SERVED, query_params={"deployment": deployment_id})


def back_link(page: str, label: str) -> None:
    """To the page where another one can be chosen."""
    st.page_link(page, label=label, icon=":material/arrow_back:")


def open_job(job_id: str) -> None:
    """Go to a job on Monitor; nothing after this runs."""
    st.switch_page(MONITOR, query_params={"job": job_id})


def open_comparison(job_ids: Sequence[str]) -> None:
    """Go to some jobs on Compare; nothing after this runs."""
    st.switch_page(COMPARE, query_params={"jobs": ",".join(job_ids)})


def open_deployment(deployment_id: str) -> None:
    """Go to an endpoint on Deployments; nothing after this runs."""
    st.switch_page(DEPLOYMENTS, query_params={"deployment": deployment_id})


def train_button(model_id: str) -> None:
    """To the form with a model chosen."""
    if st.button("Train this", key=f"models.train.{model_id}", icon=":material/model_training:"):
        st.switch_page(TRAIN, query_params={"model": model_id})
