"""What a page says after a change: the address names it, and only what stands here is ever said."""

from __future__ import annotations

NOTES = {
    "retried": "The job waits again.",
    "not-ended": "Nothing changed: the job has not ended.",
    "cancelled": "The job was cancelled, or asked to end.",
    "ended": "Nothing changed: the job had ended.",
    "deleted": "The job was deleted.",
    "gone": "Nothing changed: the job was gone.",
    "paused": "Paused. Jobs that run go on.",
    "was-paused": "Nothing changed: it was paused.",
    "resumed": "Resumed.",
    "was-resumed": "Nothing changed: it wasn't paused by itself.",
    "purged": "What waited in the queue was deleted.",
    "nothing-purged": "Nothing waited in the queue.",
    "ran": "A job of the schedule was enqueued.",
}


def note_of(name: str | None) -> str | None:
    """The sentence of a note; None where there is none of that name."""
    return None if name is None else NOTES.get(name)
