"""The form of a configuration.

blocks: The fields of a configuration as every form shows them: which widget, what it is called, what it may
    be.
calibrations: What a workspace has learned from a person's own runs: calibrations by name, kept in its
    journal, and which is used.
choices: What a person has chosen on a form so far, kept in `store.choices`, so that it outlives a page
    change.
fields: One field of a form as one widget: it shows the form's value, keeps what is chosen, and says what is
    wrong.
form_values: What the choices of a form amount to: the configuration, its estimate, and one sentence a field
    that is wrong.
memory_blocks: The fields of whose trainer is meant, and of what it does that changes memory: few controls,
    behind an expander.
own_data: A person's own data on a screen: a file is counted, shown and chosen; where its text is unknown, its
    columns are.
pickers: Which model to train and what on: from the catalog and the workspace's own, from the Hub, or from a
    person's file.
run_logs: What a dropped log holds: the runs to choose from, and its columns where a person says which one is
    which.
"""
