"""What happened, append-only.

care: How a journal is looked after: checked, copied without what is damaged, written out as lines of text and
    read back.
codec: An event as a line of JSON, and back: what cannot be read, or is not what was written, is set aside in
    its place.
database: How a journal's database is reached, SQLite or PostgreSQL, and what its drivers complain of in one
    sentence.
events: What a person can do to a workspace, as values: the journal's vocabulary.
journal: What happened, append-only: the truth of a workspace.
memory: A journal that is kept while the process lives: in tests, and where nothing is to be kept.
metric_blocks: The points of real runs as blocks of columns, and back as they were, bit by bit.
other_events: What every event is, and the events that hold words and numbers alone.
place: Where a journal is kept, once a process: all who open one place share its connections, its turns and
    its notices.
read_only: A journal that is over: it reveals its entries up to an instant and takes no new ones.
records: What stands in a row of a journal, and the digests by which it is seen whether that is what was
    written.
schema: The tables of a journal in a SQL database, and how a database of an earlier version becomes one of
    this.
sql: The journal on disk: SQLite by default (one file, write-ahead log, synced at every event), other SQL by
    URL.
witness: How far a journal's file was written, told by a small file beside it: so that a lost end is noticed.
"""
