"""Measurements against published figures; `make fidelity` runs them."""
