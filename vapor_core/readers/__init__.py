"""What others wrote, read.

character: What kind of text a file holds: its language, what a small compressor leaves of it, what its
    examples share.
containers: Files that hold others: compressed ones and zip archives, opened no further than a bound, whatever
    they say of size.
datasets: A person's own data: a file's bytes in, a dataset with its counts and a preview out.
decoding: The text of a file that came from outside, whatever mark or blanks it begins with, and its name for
    a sentence.
edge: What becomes of a file that no reader foresaw: one sentence for whoever brought it, and the whole story
    in the log.
layouts: Which fields of a row are the text that a model would be trained on.
notebooks: What a notebook's cells printed, and the tables of a page in HTML, as the text that a reader of
    logs knows.
parquet: The rows of a Parquet file, a few at a time, none of them larger than a bound.
rows: The rows of a file that came from outside: JSON lines, a JSON array, a table or plain text.
run_logs: What a real run wrote, read into the columns that Vapor's charts know.
tensorboard: Scalars from a TensorBoard event file, without TensorBoard.
tokens: How many tokens a text has, estimated from its bytes: no tokenizer is needed, and none is exactly the
    model's.
turns: The text of a conversation: its turns, pieces, tool calls and thoughts; what is no text is counted as
    left out.
"""
