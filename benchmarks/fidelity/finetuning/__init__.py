"""Fine-tuning held against published runs: their losses, how far ranges cover, and what their logs look like.

bases: The base models of published runs, by their names.
tables: litgpt's Alpaca-2k table and PEFT's MetaMathQA comparison as configurations.
runs: Published runs as configurations, with what was measured.
fit: The constants of a fine-tune's loss, fitted to published runs, and the errors on data sets left out.
sets: The constants of the catalog's data sets, from the published runs on each, and how far they carry to other runs.
prefixes: The end of a published fine-tune, forecast from its first steps.
texture: What a fine-tune's log looks like: features of its noise, of windows of its curve and of its gradient norm.
classifier: A classifier that is trained to tell real logs from Vapor's, scored on sources that it has not seen.
table: Fine-tuning losses for `make fidelity`.
"""
