"""How fast Holdfast is, always beside the bare SQL, or a peer, in the same run.

`python -m benchmarks NAME [--store sqlite|postgres] [--json FILE] [--quick]`. Absolute figures drift with the machine
and the minute; the ratios are what counts.
"""
