"""Real PostgreSQL servers for the tests, on a machine that has none.

`installation` finds the binaries, `local` runs a server of our own from them, `guardian` removes that
server when whoever started it has ended, `shared` gives all test processes of a session the same servers,
`databases` makes fresh databases there, and `fixtures` hands all of it to the tests.
"""
