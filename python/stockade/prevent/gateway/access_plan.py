"""An API's `access` as `AccessPlan` (`crates/model/src/plan/access.rs`)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stockade.config.access import Access, ObjectRule
from stockade.config.selector import Selector
from stockade.prevent.access.policies import read
from stockade.prevent.access.schema import schema
from stockade.prevent.gateway.stage_plans import selector_plan
from stockade.prevent.inventory.operation import Inventory


def access_plan(access: Access, base_path: str, *, has_methods: bool) -> dict[str, Any]:
    """As in `AccessPlan`.

    Without an `admin` setting, operations tagged `admin` and those below `/admin` are denied to everybody unless a rule
    permits them; but only where identity has methods, since otherwise nobody could ever be permitted, and where no
    policies deny by themselves.

    Args:
        access: the settings.
        base_path: base path of the API.
        has_methods: whether identity has methods.
    """
    return {
        "roles": [
            {"role": role, "from": grant.partition("=")[0], "is": grant.partition("=")[2]}
            for role, grants in access.roles.items()
            for grant in grants
        ],
        "rules": _rules(access, base_path, has_methods=has_methods),
        "deny_others": access.default == "deny",
        "objects": [_objects(path, rule, access.all_objects) for path, rule in access.objects.items()],
        "fields": [
            {
                "name": rule.name,
                "select": None if rule.is_empty else selector_plan(rule),
                "fields": list(rule.fields),
                "send": None if rule.send is None else list(rule.send),
                "see": None if rule.see is None else list(rule.see),
            }
            for rule in access.fields
        ],
        "body_bytes": access.body.bytes,
    }


def _rules(access: Access, base_path: str, *, has_methods: bool) -> list[dict[str, Any]]:
    below = "" if base_path == "/" else base_path
    default_paths = (f"{below}/admin", f"{below}/admin/**")
    rules: list[dict[str, Any]] = []
    admin = access.admin
    if admin is not None or (has_methods and not access.policies):
        tags = admin.tags if admin else ("admin",)
        paths = default_paths if admin is None or admin.paths is None else admin.paths
        who = {"roles": list(admin.roles) if admin else [], "scopes": list(admin.scopes) if admin else []}
        if tags:
            rules.append({"name": "admin", "select": selector_plan(Selector(tags=tags)), **who})
        if paths:
            rules.append({"name": "admin-paths", "select": selector_plan(Selector(paths=paths)), **who})
    for rule in access.rules:
        who = {"roles": list(rule.roles), "scopes": list(rule.scopes)}
        rules.append({"name": rule.name, "select": selector_plan(rule), "anyone": rule.anyone, **who})
    return rules


def _objects(path: str, rule: ObjectRule, all_objects: Iterable[str]) -> dict[str, Any]:
    name = path.rpartition("{")[2].rstrip("}")
    if rule.field is not None:
        owner = {"by": "response", "field": rule.field}
    else:
        owner = {"by": "learned" if rule.owner == "learned" else "id"}
    return {
        "path": path,
        "owner": owner,
        "caller": rule.compared,
        "unless_roles": list(dict.fromkeys((*all_objects, *rule.unless_roles))),
        "unknown": rule.unknown,
        "id_fields": list(rule.id or dict.fromkeys((name, "id"))),
    }


def policies_plan(access: Access, inventory: Inventory | None) -> tuple[dict[str, Any], list[Path]]:
    """Policies as in `PoliciesPlan`, and the files that they stand in; nothing when there are none.

    Args:
        access: the settings.
        inventory: the contract, which the schema is made of; None when there is none.

    Raises:
        PolicyError: a file is not there or cannot be read.
    """
    if not access.policies:
        return {}, []
    policies, files = read(access.policies)
    plan = {
        "schema": schema(
            inventory.operations if inventory else (),
            inventory.schemas if inventory else {},
            access.claims_in_policies,
        ),
        "policies": [policy.to_plan() for policy in policies],
    }
    return {"policies": plan}, files
