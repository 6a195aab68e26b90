"""What happened, append-only.

database: How a journal's database is reached, SQLite or PostgreSQL, and what its drivers complain of in one
    sentence.
events: What a person can do to a workspace, as values: the journal's vocabulary.
journal: What happened, append-only: the truth of a workspace.
log_columns: The columns of an imported log as text in the journal, and back as they were.
metric_blocks: The points of real runs as blocks of columns, and back as they were, bit by bit.
read_only: A journal that is over: it reveals its entries up to an instant and takes no new ones.
schema: The tables of a journal in a SQL database, and how a database of an earlier version becomes one of
    this.
sql: The journal on disk: SQLite by default (one file, write-ahead log, synced at every event), other SQL by
    URL.
"""
