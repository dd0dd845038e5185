"""The states and reasons themselves: names that databases, programs and people keep."""

from __future__ import annotations

from holdfast.core.states import STORED, TERMINAL, JobState, Reason


def test_the_names_of_states() -> None:
    assert [state.value for state in JobState] == [
        "pending", "blocked", "running", "succeeded", "failed", "cancelled", "not found",
    ]  # fmt: skip


def test_the_names_of_reasons() -> None:
    assert [reason.value for reason in Reason] == [
        "error", "exhausted", "timeout", "panic", "crashed",
        "unknown_task", "invalid_args", "invalid_result", "expired",
    ]  # fmt: skip


def test_which_states_end_a_job() -> None:
    assert {state for state in JobState if state.terminal} == TERMINAL
    assert {state.value for state in TERMINAL} == {"succeeded", "failed", "cancelled"}


def test_not_found_is_an_answer_and_no_state() -> None:
    assert JobState.NOT_FOUND not in STORED
    assert not JobState.NOT_FOUND.terminal
    assert set(STORED) | {JobState.NOT_FOUND} == set(JobState)


def test_states_are_text() -> None:
    assert JobState("failed") is JobState.FAILED
    assert f"{JobState.FAILED} ({Reason.TIMEOUT})" == "failed (timeout)"
    assert JobState.FAILED == "failed"
