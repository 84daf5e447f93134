"""The first page: how much, how it ended, what deserves a look, what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from stockade.app.control_state import ControlState
from stockade.app.decisions import AUTOMATIC
from stockade.app.errors import StockadeError
from stockade.console import shown
from stockade.console.charts.series import Series, lined, stacked
from stockade.console.page import Pages
from stockade.console.window import CHOICES, Window, window

DAY_US = 86_400_000_000

KINDS = ("allowed", "would_refuse", "failed", "refused")
"""Verdicts from the bottom of a column up."""


def routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = pages.router()
    state = pages.state

    @router.get("/", operation_id="page_overview")
    def overview(request: Request, since: str | None = None) -> HTMLResponse:
        """The page."""
        asked = window(since, None, state.clock())
        given = asked.given()
        traffic = pages.ask("traffic", {**given, "step": asked.step_s})
        latency = pages.ask("latency", {**given, "step": asked.step_s})
        return pages.answer(
            request,
            "overview.html",
            title="Overview",
            cli=shown.query("traffic", since=asked.since, step=asked.step_s),
            window=asked,
            choices=CHOICES,
            looks=list(_looks(state)),
            figures=list(_figures(traffic.rows, latency.rows, pages.ask("totals", asked.before()).rows, asked)),
            traffic_rows=traffic,
            traffic=traffic_chart(traffic.rows, asked),
            latency_rows=latency,
            latency=latency_chart(latency.rows, asked),
            reasons=pages.ask("top_reasons", {**given, "limit": 5}),
            actors=pages.ask("top_actors", {**given, "limit": 8}),
            operations=pages.ask("top_operations", {**given, "limit": 5}),
            changes=_changes(state),
        )

    return router


def traffic_chart(rows: Any, asked: Window, *, wide: bool = False) -> Series:
    """Exchanges over time by verdict, from rows of the queries `traffic` and `traffic_of`."""
    named = [
        {**row, "allowed": row["exchanges"] - row["refused"] - row["would_refuse"] - row["failed"]} for row in rows
    ]
    return stacked(named, KINDS, asked.span(wide=wide), shown.count, _about_traffic)


def latency_chart(rows: Any, asked: Window) -> Series:
    """Percentiles over time, from rows of the queries `latency` and `latency_of`."""
    lines = {"p50": "p50_us", "p95": "p95_us", "p99": "p99_us"}
    return lined(rows, lines, asked.span(), shown.milliseconds, _about_latency)


def _about_traffic(row: Mapping[str, Any]) -> str:
    told = [f"{row['exchanges']:,} requests"]
    told += [f"{row[kind]:,} {shown.VERDICTS[kind]}" for kind in ("refused", "would_refuse", "failed") if row[kind]]
    return f"{shown.date_time(row['bucket'])} UTC: {', '.join(told)}"


def _about_latency(row: Mapping[str, Any]) -> str:
    told = ", ".join(f"{name} {shown.milliseconds(row[f'{name}_us'])}" for name in ("p50", "p95", "p99"))
    return f"{shown.date_time(row['bucket'])} UTC: {told}"


def _figures(traffic: Any, latency: Any, before: Any, asked: Window) -> Iterator[dict[str, str]]:
    total = {
        kind: sum(row[kind] for row in traffic) for kind in ("exchanges", "refused", "would_refuse", "failed", "errors")
    }
    former = before[0] if before else {}
    seconds = (asked.end - asked.begin) / 1_000_000
    rate = shown.count(round(total["exchanges"] / seconds, 2))
    yield _figure("Requests", total["exchanges"], former.get("exchanges"), f"{rate} a second")
    refused = shown.percent(total["refused"], total["exchanges"])
    yield _figure("Refused", total["refused"], former.get("refused"), f"{refused} of all")
    bad = total["failed"] + total["errors"]
    old = former["failed"] + former["errors"] if former else None
    yield _figure("Failed, or 5xx", bad, old, f"{shown.percent(bad, total['exchanges'])} of all")
    counted = sum(row["exchanges"] for row in latency)
    weighted = sum(row["p95_us"] * row["exchanges"] for row in latency) / counted if counted else None
    slow = former.get("p95_us")
    told = "" if slow is None else f"{shown.milliseconds(slow)} in the time before"
    yield {"name": "95 % take less than", "value": shown.milliseconds(weighted), "about": told or "no traffic before"}


def _figure(name: str, value: int, before: int | None, about: str) -> dict[str, str]:
    if not before:
        return {"name": name, "value": shown.count(value), "about": about}
    change = 100 * (value - before) / before
    told = "as before" if abs(change) < 1 else f"{'+' if change > 0 else '-'}{shown.count(round(abs(change)))} %"
    return {"name": name, "value": shown.count(value), "about": f"{about}, {told}"}


def _looks(state: ControlState) -> Iterator[dict[str, str]]:
    """What somebody should do something about, the worst first."""
    for part in state.readiness():
        if not part.ok:
            kind = "bad" if part.required else "warn"
            yield _look(kind, part.name, part.detail, "/policy" if part.name == "config" else "/health", "Look")
    policy = state.policy_status()
    for news in policy.news:
        yield _look("warn", "restart", news)
    for incident in state.watching.incidents(50) if state.watching is not None else ():
        if incident["note"] or incident["last"] < state.clock() - DAY_US:
            continue
        what = ", ".join(incident["classes"]).replace("_", " ") or incident["id"]
        done = "decided upon" if incident["decisions"] else "nothing done"
        many = "1 actor" if incident["actor_count"] == 1 else f"{incident['actor_count']} actors"
        told = f"{what}: {many}, {shown.ago(incident['last'], state.clock())}, {done}."
        severe = incident["severity"] in ("high", "critical")
        yield _look(
            "bad" if severe else "warn", incident["severity"], told, f"/incidents/{incident['id']}", "The story"
        )
    by_hand = [one for one in state.decisions.active() if not one.id.startswith(AUTOMATIC)]
    for decision in by_hand[:3]:
        whom = ", ".join(f"{name} {value}" for name, value in sorted(decision.selector.items()))
        done = "blocked" if decision.action == "block" else "let pass"
        told = f"{whom} is {done}: {decision.reason}; ends {shown.ago(decision.expires_at, state.clock())}."
        yield _look("plain", "decision", told, "/decisions", "Decisions")


def _look(kind: str, word: str, text: str, link: str = "", link_text: str = "") -> dict[str, str]:
    return {"kind": kind, "word": word, "text": text, "link": link, "link_text": link_text}


def _changes(state: ControlState) -> list[Any]:
    try:
        return list(state.audit.newest(6))
    except StockadeError:
        # The page of the audit log says what is wrong with it.
        return []
