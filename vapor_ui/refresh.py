"""What drives a page's live fragment: a timer in the browser, silent while anything else is being answered.

The timer is a component of the page that it stands on. A tick sent after a click on a link, before the next page has
come, would run as the old page's and blank the new one (seen in 2 of 34 changes of page on a busy machine). So
ticks are held while a script runs, and for a moment after each click, key and step back in history.
"""

import streamlit as st
from streamlit_autorefresh import st_autorefresh  # type: ignore[import-untyped] # it ships no types

from vapor_ui.pace import Pace

# Components of this kind send their values as messages to the window; only the timer is one here.
_HOLD_JS = """
export default function () {
  if (window.vaporHoldsTicks) return;
  window.vaporHoldsTicks = true;
  let until = 0;
  const hold = () => { until = Date.now() + 1500; };
  for (const kind of ["click", "keydown", "popstate"]) window.addEventListener(kind, hold, true);
  const busy = () => {
    const state = document.querySelector("[data-test-script-state]")?.dataset.testScriptState;
    return state !== undefined && state !== "notRunning";
  };
  window.addEventListener("message", (event) => {
    const tick = event.data?.type === "streamlit:setComponentValue";
    if (tick && (Date.now() < until || busy())) event.stopImmediatePropagation();
  }, true);
}
"""
_hold = st.components.v2.component("vapor_hold_ticks", js=_HOLD_JS)


def guard() -> None:
    """Let this browser tab hold ticks. Once a page, wherever it is drawn."""
    _hold(key="hold_ticks")


def tick(took_s: float = 0.0) -> None:
    """Rerun the fragment that this stands in once a second, or less often where that takes the server long."""
    pace = st.session_state.get("pace", Pace()).after(took_s)
    st.session_state["pace"] = pace
    if pace.sentence:
        st.caption(pace.sentence)
    st_autorefresh(interval=round(pace.interval_s * 1000), key="refresh")
