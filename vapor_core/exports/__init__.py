"""What a person takes away.

configurations: A configuration as text, with every field.
launch_notes: What a launch script cannot do of what was rehearsed for memory's sake: trainers, quantised
    bases, offload.
launch_script: A Python script that does for real what was rehearsed.
launch_template: The text of a launch script: what is the same in every one, with places for what a
    configuration says.
report: A job or a comparison as one HTML file that opens offline: its figures, its charts, its configuration.
tables: Metrics as tables that other programs read: CSV, Parquet, JSON; text in them is harmless in a
    spreadsheet.
"""
