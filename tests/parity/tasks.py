"""Process tasks, which a child must be able to import."""

from __future__ import annotations

from holdfast import TaskRouter, capture_result

router = TaskRouter()


@router.task(name="weigh", executor="process", max_attempts=1)
def weigh(grams: int) -> None:
    """Captures in another process, and fails if there is nothing to weigh."""
    capture_result({"grams": grams})
    if not grams:
        raise ValueError("nothing to weigh")
