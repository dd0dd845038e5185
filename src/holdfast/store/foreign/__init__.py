"""The caller's own connections, given as `tx=`: verbs run inside the caller's transactions.

`resolve` finds the driver's connection under whatever was given. On PostgreSQL, `flow` is all that happens on it as
one text; a driver is a small file that says how it stands and runs a statement. On SQLite the store's own adapter
does, under `sqlite`.
"""
