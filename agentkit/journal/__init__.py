"""The durable record of runs: append-only, verified when read, free of secrets.

`store.Journal` is the file, `memory.MemoryLog` a record that never reaches it.
"""
