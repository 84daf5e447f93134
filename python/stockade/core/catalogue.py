"""What the core can say: reasons, stages, detectors, notices, and JSON Schemas of what it reads and writes."""

import json
from typing import Any

from stockade.core import _native


def load() -> dict[str, Any]:
    """Everything the core can say, for the generated reference and for tests.

    Returns:
        `version`; `formats` (`bundle`, `plan`, `event`, `spool`); `stages` in order; `reasons` (`code`, `status`,
        `meaning`, `remedy`, `source`); `detectors` (`name`, `what`, `why`, `example`); `notices` and `bundle_errors`
        (`code`, `meaning`); `schemas` (JSON Schema 2020-12 of a spool `record`, a `plan` and a `decision`).
    """
    found: dict[str, Any] = json.loads(_native.catalogue())
    return found
