"""The Train page.

config_load: *Load*: a configuration file, Vapor's own or a trainer's, into the Train form, with what became
    of each field.
estimate_panel: What a configuration takes, beside the form: verdict, memory against the card, figures with
    ranges, risks.
form: The Train form: model, data, method, hardware, and what is rarely changed behind an expander.
launch: What an address fills in, what a cure changes, and *Start training*: from the form to a job.
proposals: Fit it for me: a budget in, the few configurations worth their money out, as a chart and as one
    click each.
rented: Where a run is on a rented machine: which one, at what price, and the key of the person who pays for
    it.
where: Whether a run is rehearsed or done, and the machine that does it: what was measured of it, and
    measuring it.
"""
