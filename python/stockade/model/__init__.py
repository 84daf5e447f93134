"""The data that crosses a boundary between parts: frozen dataclasses, standard library only."""

from stockade.model.decision import Decision, DecisionAction
from stockade.model.event import Event, Notice, Record, record_from_json
from stockade.model.problem import Problem, Severity

__all__ = ["Decision", "DecisionAction", "Event", "Notice", "Problem", "Record", "Severity", "record_from_json"]
