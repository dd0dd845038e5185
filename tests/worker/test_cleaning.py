"""Cleaning in steps, between which the store and the thread of maintenance are others'."""

from __future__ import annotations

from contextlib import closing
from time import monotonic

import pytest

from holdfast.core.outcomes import Succeeded
from holdfast.worker import cleaning
from holdfast.worker.cleaning import REST, Cleaning
from tests.conformance.backends import Backend
from tests.conformance.scene import Scene


def history(scene: Scene, number: int) -> None:
    """Ended jobs whose time is over."""
    worker = scene.worker()
    claimed = scene.run(number, worker=worker)
    ends = [scene.expired(scene.decide(job, Succeeded("1"))) for job in claimed]
    assert scene.settle(worker, ends, [claimed[0].lease]) == []


@pytest.mark.parity("S4.6")
def test_a_round_is_many_steps_with_rests(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "STEP", 10)
    with closing(backend.open()) as store, closing(store.channel("maintenance")) as channel:
        store.migrate()
        scene = Scene(store, backend)
        history(scene, 35)
        kept = scene.enqueue(3)
        found = Cleaning(store, channel, interval=60)
        for left in (25, 15, 5):
            began = monotonic()
            rest = found.step()
            took = monotonic() - began
            assert rest is not None
            assert rest <= REST * took
            assert len(scene.backend.tables().finished) == left
        while found.step() is not None:
            pass
        assert sorted(scene.backend.tables().jobs) == sorted(kept)
        assert found.step() is not None, "the next round begins anew"


def test_who_does_not_get_ahead_rests_less(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "STEP", 10)
    with closing(backend.open()) as store, closing(store.channel("maintenance")) as channel:
        store.migrate()
        history(Scene(store, backend), 30)
        found = Cleaning(store, channel, interval=0.000_001)
        assert found.step() is not None
        began = monotonic()
        rest = found.step()
        assert rest is not None
        assert rest < 0.1 * REST * (monotonic() - began)
