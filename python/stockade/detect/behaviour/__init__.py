"""Behaviour: what each actor usually does, what signatures cannot notice, and why.

Events become observations; detectors, one file each, turn observations into signals; signals add up, capped and
fading, to a score for each actor and class; a score that is high enough is an alert, and alerts of one campaign are
one incident.

Nothing here reads a clock or a file: the same events give the same alerts.
"""
