"""Fine-tuning held against published runs: their losses, how far ranges cover, and what their logs look like.

bases: The base models of published runs, by their names.
runs: Published runs as configurations, with what was measured.
fit: The constants of a fine-tune's loss, fitted to published runs, and the errors on data sets left out.
"""
