"""The form of a configuration.

data_picker: What to train on: a data set of the catalog, or a person's own file with its counts and a
    preview.
fields: One widget for one field of a form: it shows the form's value, keeps what is typed, and says what is
    wrong.
form_values: What a person has chosen on the Train page so far, and what it amounts to.
model_picker: Which model to train: from the curated catalog by size and typing, or from the Hub.
"""
