from __future__ import annotations

from stockade.app.backoff import STEADY_S, Backoff


def test_the_first_restart_comes_at_once_and_later_ones_wait_longer() -> None:
    backoff = Backoff()
    waits = [backoff.next_wait(0.1) for _ in range(8)]
    assert waits == [0.0, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_process_that_lived_well_starts_over() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.next_wait(0.1)
    assert backoff.next_wait(STEADY_S) == 0.0
    assert backoff.next_wait(0.1) == 0.2
