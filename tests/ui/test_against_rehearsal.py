"""Rehearsed and measured, side by side: every word within sight, whatever the screen's width."""

import pandas as pd
from streamlit.testing.v1 import AppTest

from vapor_core.contracts.expectation import Figure, Outcome


def drawn():
    import streamlit as st  # noqa: PLC0415 - AppTest runs the source of this function alone

    from vapor_ui.monitor import against_rehearsal  # noqa: PLC0415

    against_rehearsal.figures(st.session_state.outcomes)


def test_it_is_a_table_whose_words_wrap_and_not_one_that_scrolls():
    """On a phone what was measured lay beyond the right edge."""
    step = Outcome(
        name="step_time_s", expected=Figure(value=4.9, low=3.1, high=8.9), measured=5.5, final=True
    )
    free = Outcome(name="cost_usd", expected=Figure(value=0, low=0, high=0), measured=0.0, final=True)
    later = Outcome(name="loss", expected=Figure(value=3.0, low=2.0, high=4.0))
    app = AppTest.from_function(drawn)
    app.session_state.outcomes = (step, free, later)
    app.run()
    assert not app.exception
    assert not app.dataframe
    (table,) = app.table
    assert isinstance(table.value, pd.DataFrame)
    assert table.value.shape == (3, 3)
    assert table.value.loc["Step"].tolist() == ["4.9 s (3.1 s to 8.9 s)", "5.5 s", "+12 %, within the range"]
    assert table.value.loc["Cost"].iloc[1] == "\\$0.00"  # two dollars would be a formula
    assert "to" not in table.value.loc["Cost"].iloc[0]
    assert table.value.loc["Train loss at the end"].iloc[2] == "when the run is over"
