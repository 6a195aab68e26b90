"""What people reported of their own runs and endpoints: memory, speed, serving and cost, a table each.

rows: One reader of the four tables: what was measured, and under which JobConfig or ServingConfig.
cost: Hours that people reported of whole training runs.
speed: Speed that people reported of their own training runs.
memory: Peaks and out-of-memory calls of fine-tunes, fitted and with each source left out.
serving: Latency, throughput, cache and memory of endpoints by engine, and what is left with each source left out.

How to use the reader: `reports("speed")` gives a `Report` a row, in the table's order. `report.config` is the setting
with every field that the row's tags, missing features and note tell (`settings` says how); `report.group` is the source
that is left out whole for leave-one-source-out: fit on rows of other groups, predict those of this one. A field that
ServingConfig does not have yet is left out of the setting, so that the reader works before and after it comes.
`report.unsaid` names what the row tells and no field can say; whoever scores decides whether such a row counts.
"""
