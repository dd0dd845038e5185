"""Moving house: every job from one database to another, with its id, its place in the order and its history.

The source is closed first: from then on triggers refuse whoever wants to write there, and say where the jobs went. The
target takes no workers until all is there and has been compared; new jobs it takes at once, so an application may be
pointed to it as soon as the move has begun. Jobs are copied by pages, each job in one transaction with all that is kept
of it, so that it is in exactly one place at every moment, and a job that the target has needs no second look. So a
move that was cut short is begun again and goes on; it is undone by deleting from the target what the source has.
"""
