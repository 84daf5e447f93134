"""Checks that need more than one setting, or a file that a setting names."""

from collections.abc import Iterator

from stockade.config.checks import access, at_rest, certificates, files, identity, limits, listening, names
from stockade.config.root import Config
from stockade.config.sources import Sources
from stockade.model.problem import Problem

CHECKS = (
    listening.check,
    certificates.check,
    at_rest.check,
    files.check,
    names.check,
    identity.check,
    limits.check,
    access.check,
)
"""Every check."""


def check(config: Config, sources: Sources) -> Iterator[Problem]:
    """Everything that is wrong or odd about a config that is right setting by setting."""
    for one in CHECKS:
        yield from one(config, sources)
