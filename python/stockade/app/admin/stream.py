"""`/api/v1/events/stream` and `/api/v1/events.csv`: events as they come, and as a table for others."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import StreamingResponse

from stockade.app.admin.answers import FAILURES
from stockade.app.control_state import ControlState
from stockade.app.events import filter_of
from stockade.app.recorded import newest_of
from stockade.model.event import Event
from stockade.store.events import Stored
from stockade.store.filter import EventFilter

AT_ONCE = 16
"""Streams at the same time: each holds a connection."""

LOOK_S = 0.25
"""Seconds between two looks for new events."""

STILL_S = 15.0
"""Seconds after which a stream without news says that it is there."""

LONGEST_S = 3600.0
"""Seconds after which a stream ends; a browser opens it again, and is looked at anew."""

MOST_ROWS = 10_000
"""Rows of one table."""

COLUMNS = (
    "time", "id", "verdict", "status", "method", "authority", "path", "query", "api", "operation", "actor", "address",
    "reason", "user_agent", "total_us",
)  # fmt: skip
"""Columns of a table."""


def routes(state: ControlState) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["events"], responses=FAILURES)
    open_streams = 0

    @router.get("/events/stream", operation_id="stream_events", response_class=StreamingResponse)
    async def stream(verdict: str | None = None, api: str | None = None, actor: str | None = None) -> StreamingResponse:
        """Events as they come, as server-sent events: each `data` is one record."""
        nonlocal open_streams
        wanted = filter_of(state.clock(), verdict=verdict or None, api=api or None, actor=actor or None)
        if open_streams >= AT_ONCE:
            raise HTTPException(503, f"expected at most {AT_ONCE} streams at once", {"retry-after": "10"})
        open_streams += 1

        async def told() -> AsyncIterator[bytes]:
            nonlocal open_streams
            try:
                async for part in _following(state, wanted):
                    yield part
            finally:
                open_streams -= 1

        return StreamingResponse(told(), media_type="text/event-stream")

    @router.get("/events.csv", operation_id="export_events", response_class=StreamingResponse)
    def export(
        since: str | None = None,
        until: str | None = None,
        verdict: str | None = None,
        status: int | None = None,
        api: str | None = None,
        operation: str | None = None,
        actor: str | None = None,
        path: str | None = None,
        reason: str | None = None,
        method: str | None = None,
        address: str | None = None,
        detector: str | None = None,
        object_id: Annotated[str | None, Query(alias="object")] = None,
        text: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = MOST_ROWS,
    ) -> StreamingResponse:
        """The newest exchanges that fit, as a table that spreadsheets open without running any of it."""
        wanted = filter_of(
            state.clock(), since=since, until=until, verdict=verdict, status=status, api=api, operation=operation,
            actor=actor, path=path, reason=reason, method=method, address=address, detector=detector,
            object=object_id, text=text,
        )  # fmt: skip
        found = newest_of(state, wanted, limit)
        return StreamingResponse(
            table_of(found),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": 'attachment; filename="events.csv"'},
        )

    return router


async def _following(state: ControlState, wanted: EventFilter) -> AsyncIterator[bytes]:
    newest = state.recent.newest(EventFilter(), 1)
    last, still, spent = (newest[0].seq if newest else 0), 0.0, 0.0
    yield b": here\n\n"
    while spent < LONGEST_S:
        fresh = state.recent.after(last)
        if fresh:
            last = fresh[-1].seq
        lines = [json.dumps(dict(stored.raw)) for stored in fresh if wanted.fits(stored.record)]
        if lines:
            still = 0.0
            yield "".join(f"data: {line}\n\n" for line in lines).encode()
        elif still >= STILL_S:
            still = 0.0
            yield b": still here\n\n"
        await asyncio.sleep(LOOK_S)
        still, spent = still + LOOK_S, spent + LOOK_S


def table_of(found: Iterable[Stored]) -> Iterator[str]:
    """Exchanges as lines of CSV (RFC 4180), each in one line."""
    yield _line(COLUMNS)
    for stored in found:
        record = stored.record
        if isinstance(record, Event):
            yield _line([_harmless(value) for value in _cells(record)])


def _cells(event: Event) -> list[Any]:
    request, response = event.request, event.response
    return [
        event.time, event.id, event.verdict, response.status if response else "",
        request.method if request else "", request.authority if request else "", request.path if request else "",
        (request.query or "") if request else "", event.api or "", event.operation or "", event.actor,
        event.client.address, event.refusals[-1].reason if event.refusals else "",
        (request.user_agent or "") if request else "", event.timing.total_us,
    ]  # fmt: skip


def _harmless(value: Any) -> str:
    """A cell that is text for every spreadsheet: what could be a formula begins with an apostrophe (CWE-1236)."""
    text = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in str(value)
    )
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _line(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
