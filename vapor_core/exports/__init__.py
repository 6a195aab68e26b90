"""What a person takes away.

configurations: A configuration as text, with every field.
launch_notes: What the training program does otherwise than was rehearsed, in sentences for whoever runs it
    elsewhere.
launch_script: A Python script that does for real what was rehearsed: the training program in one file.
launch_spec: What the training program is told for a run that was rehearsed: its spec, with what it does not
    do put otherwise.
report: A job or a comparison as one HTML file that opens offline: its figures, its charts, its configuration.
single_file: The training program as one readable file: the sources of `vapor_core.program`, joined with what
    they train.
tables: Metrics as tables that other programs read: CSV, Parquet, JSON; text in them is harmless in a
    spreadsheet.
"""
