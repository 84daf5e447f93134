"""What is set: rules and exceptions, the config file with its versions, and changes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from stockade.app.accounts.principal import Right
from stockade.app.admin.answers import principal_of
from stockade.app.apis import seclang_rules
from stockade.config import Config
from stockade.console import shown
from stockade.console.page import Pages

MOST_RULES = 200
"""SecLang rules on one page."""


def routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = pages.router()
    state = pages.state
    changes = state.changes

    @router.get("/rules", operation_id="page_rules")
    def rules(
        request: Request, text: str = "", api: str = "", operation: str = "", place: str = "", detector: str = ""
    ) -> HTMLResponse:
        """Rules and exceptions of every API."""
        found = [
            rule
            for rule in seclang_rules(state.events.data.path)
            if not text or text.lower() in f"{rule['id']} {rule['message']} {' '.join(rule['tags'])}".lower()
        ]
        return pages.answer(
            request,
            "rules.html",
            title="Rules and exceptions",
            cli=shown.command("check") if not found else shown.command("rules", "list"),
            apis=list(_apis(changes.config)),
            rules=found[:MOST_RULES],
            all_rules=len(found),
            text=text,
            detectors=pages.ask("top_detectors", {"since": state.clock() - 7 * 86_400_000_000, "limit": 12}),
            editable=changes.file is not None,
            suggested={"api": api, "operation": operation, "place": place, "detector": detector},
        )

    @router.get("/policy", operation_id="page_policy")
    def policy(request: Request) -> HTMLResponse:
        """Versions, who made them and why."""
        status = state.policy_status()
        return pages.answer(
            request,
            "policy.html",
            title="Policy",
            about="One config file says everything. Whatever is changed here is a change of that file.",
            cli=shown.command("bundles", "list"),
            file=changes.file,
            status=status,
            versions=changes.history.all(),
            apis=state.apis(),
            source=changes.text() if changes.file and principal_of(request).may(Right.EDIT) else None,
        )

    @router.get("/policy/edit", operation_id="page_edit_policy")
    def edit(request: Request) -> HTMLResponse:
        """The config file, to be changed."""
        return pages.answer(
            request,
            "edit.html",
            title="Change the policy",
            cli=shown.command("bundles", "change", "stockade.yaml", reason="WHY"),
            file=changes.file,
            source=changes.text(),
        )

    @router.get("/policy/versions/{version}", operation_id="page_version")
    def version(version: Annotated[int, Path(ge=1, le=2**53)], request: Request) -> HTMLResponse:
        """One version, beside what the file says now and what it said before."""
        versions = {one.version: one for one in changes.history.all(1000)}
        cli = shown.command("bundles", "diff", str(version))
        if version not in versions:
            values: dict[str, Any] = {"problem": "There is no such version.", "hint": ""}
            return pages.answer(request, "problem.html", 404, title=f"Version {version}", cli=cli, **values)
        text = changes.history.source(version)
        earlier = max(
            (one.version for one in versions.values() if one.version < version and one.has_source), default=None
        )
        return pages.answer(
            request,
            "version.html",
            title=f"Version {version}",
            cli=cli,
            version=versions[version],
            made=changes.diff(text, changes.history.source(earlier)) if earlier is not None else [],
            earlier=earlier,
            back=changes.diff(text),
            text=text,
        )

    return router


def _apis(config: Config | None) -> Iterator[dict[str, Any]]:
    for name, api in (config.apis if config is not None else {}).items():
        yield {
            "name": name,
            "mode": str(api.mode),
            "inspect": api.inspect,
            "limits": [f"{limit.name}: {limit.rate} by {' and '.join(limit.by)}" for limit in api.limits],
            "access": [rule.name for rule in api.access.rules],
            "exceptions": [
                {
                    "operation": one.operation,
                    "place": one.place,
                    "detector": one.detector,
                    "reason": one.reason,
                    "expires": str(one.expires) if one.expires is not None else None,
                }
                for one in api.inspect.exceptions
            ],
        }
