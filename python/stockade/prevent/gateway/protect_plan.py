"""An API's `protect` as `ProtectPlan`."""

from typing import Any

from stockade.config.protect import Protect


def protect_plan(protect: Protect, key: str | None) -> dict[str, Any]:
    """As in `crates/model/src/plan/protect.rs`.

    Args:
        protect: the settings.
        key: key of the tokens, 64 hexadecimal digits; None where none are made.
    """
    return {
        "rules": [
            {
                "name": rule.name,
                "fields": list(rule.fields),
                "classes": list(rule.classes),
                "action": rule.action,
                "keep_last": rule.keep_last,
                "unless_roles": list(rule.unless_roles),
                "in_events": "events" in rule.where,
                "in_responses": "responses" in rule.where,
            }
            for rule in protect.rules
        ],
        "body_bytes": protect.body.bytes,
        "key": key if protect.makes_tokens else None,
    }
