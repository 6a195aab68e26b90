"""Whether a run is rehearsed or done, and the machine that does it: what was measured of it, and measuring it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import streamlit as st

from vapor_core import text
from vapor_core.backends import machines
from vapor_core.errors import VaporError
from vapor_ui.form import choices
from vapor_ui.form.fields import Segments
from vapor_ui.shell import session, settings
from vapor_ui.train import rented

if TYPE_CHECKING:
    from vapor_core.contracts.entries import Accelerator
    from vapor_core.contracts.training import JobConfig
    from vapor_core.workspace.store import Store
    from vapor_ui.form.choices import Values
    from vapor_ui.form.form_values import Form

SIMULATED = "simulated"
PRICE, NARROW = "train.machine_price", 220  # its field: the key, and pixels


def values(store: Store) -> Values:
    """The choices of the form, as they hold where the run will be: on a machine of this server, its own card."""
    chosen = choices.chosen(store)
    backend = chosen.get("backend")
    if not machines.is_real(backend) or backend not in settings.real_backends():
        return {
            name: value
            for name, value in chosen.items()
            if name != "backend" and not machines.is_rented(value)
        }
    rental = machines.rental(backend)
    if rental is not None:
        return {**rental.defaults, **chosen}
    return machines.for_machine(chosen, machines.measured(str(backend)))


def hardware(form: Form) -> bool:
    """The choice, where this server may do real work, and the machine that does it; whether there is one."""
    if settings.real_backends():
        WHERE.draw(form)
    if not machines.is_real(form.shown.backend):
        return False
    rental = machines.rental(form.shown.backend)
    if rental is not None:
        rented.hardware(form, rental)
        return True
    machine = machines.measured(form.shown.backend)
    if machine is None:
        st.info(
            "The estimate is of a card of the catalog until this machine is measured: about half a minute, in which "
            "nothing should train here.",
            icon=":material/speed:",
        )
        asked = _measure_button("Measure this machine", "primary")
    else:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(_told(machine.accelerator), width="stretch")
            asked = _measure_button("Measure again", "tertiary")
        _price(form.shown.backend, machine.accelerator)
    if asked:
        _measure(form.shown.backend)
    return True


def is_ready(form: Form) -> bool:
    """Whether the run could start: a real one wants its machine measured, so that what is told is about it."""
    backend = form.shown.backend
    rental = machines.rental(backend)
    if rental is not None:
        return rented.is_ready(form, rental)
    return not machines.is_real(backend) or machines.measured(backend) is not None


def missing(form: Form) -> str:
    """What a run that could not start yet wants first."""
    if machines.rental(form.shown.backend) is not None:
        return ":material/key: Choose a machine and give your token first, under *Hardware*."
    return ":material/speed: Measure this machine first, under *Hardware*."


def _options(_: JobConfig) -> list[object]:
    return [SIMULATED, *settings.real_backends()]


WHERE = Segments(
    name="backend",
    label="Where",
    help="A rehearsal is computed: free, at once, on any card. A real run trains, on the same form and charts.",
    options=_options,
    words=machines.title,
)


def _price(backend: str, card: Accelerator) -> None:
    """What an hour of the machine costs, so that runs on it have a cost."""
    st.session_state[PRICE] = card.price_per_hour or None
    st.number_input(
        "An hour of it costs ($)",
        min_value=0.0,
        step=0.1,
        key=PRICE,
        placeholder="nothing",
        help="Rent, or electricity: estimates and costs of runs here count with it",
        on_change=_priced,
        args=(backend,),
        disabled=session.read_only(),
        width=NARROW,
    )


def _priced(backend: str) -> None:
    if session.read_only():
        return
    with session.refusals_told():
        machines.place_of(backend).price(float(st.session_state[PRICE] or 0.0))


def _measure_button(label: str, kind: Literal["primary", "tertiary"]) -> bool:
    """Whether it was pressed, by somebody who may."""
    if session.read_only():
        return False
    return st.button(label, icon=":material/speed:", type=kind, key="train.measure", width="content")


def _measure(backend: str) -> None:
    """Measure, and draw the page anew with what was found."""
    try:
        with st.spinner("Measuring this machine: matrix products, memory, a few training steps ..."):
            machines.place_of(backend).measure()
    except VaporError as refused:
        st.error(text.plain(refused, 600), icon=":material/error:")
        return
    st.rerun()


def _told(card: Accelerator) -> str:
    """What was measured, in a line."""
    rate = card.measured_tflops or card.fp32_tflops
    return (
        f"**{text.plain(card.display_name, 120)}** · {text.gigabytes(card.memory_gb)} · "
        f"{rate:.3g} TFLOP/s · {card.bandwidth_gb_s:,.0f} GB/s of memory · {text.plain(card.source, 60)}"
    )
