"""The runtime: threads claim, settle, beat and maintain; handlers run on an event loop, in threads, in children.

A worker's parts, each in its own file: `claimer` takes due jobs as far as `capacity` says, the executors (`loop`,
`threads`, `processes`) run them by way of `runner`, `settler` writes what they decided, `heartbeat` shows that the
worker lives and learns who doesn't, `maintenance` rescues and cleans. `worker.Worker` starts and stops them all.
"""
