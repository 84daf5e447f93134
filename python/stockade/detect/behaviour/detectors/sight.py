"""What every detector is given: one exchange, its actor, what is known of everybody, and whether it may learn."""

from __future__ import annotations

from dataclasses import dataclass

from stockade.detect.behaviour.actors import Actor, Actors
from stockade.detect.behaviour.known import Known, Operation, Role
from stockade.detect.behaviour.observation import Observation
from stockade.detect.behaviour.signals import Signal


@dataclass(slots=True)
class Sight:
    """One exchange with all that it is judged by."""

    seen: Observation
    """The exchange."""
    actor: Actor
    """Its actor."""
    number: int
    """A number of 64 bits that stands for the actor."""
    actors: Actors
    """All actors."""
    known: Known
    """What is known of everybody."""
    operation: Operation
    """Its operation."""
    role: Role
    """Its role."""
    learn: bool
    """Whether it may be learned from: nothing is said against the actor."""
    signals: list[Signal]
    """What detectors tell."""


def last_part(operation: str) -> str:
    """The operation without its API, for sentences."""
    return operation.partition(" ")[2] or operation
