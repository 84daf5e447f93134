"""Prints one exchange stage by stage: what each saw, decided, and which setting or rule made it so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stockade.cli import output
from stockade.model.event import Event, Finding, Refusal, RequestRecord, StageNote

MARKS = {"pass": "+", "skip": ".", "slow": "~", "refuse": "x", "would_slow": "!", "would_refuse": "!"}
"""Sign of each outcome."""


def lines_of(event: Event) -> Iterator[str]:
    """The lines for one recorded exchange."""
    yield f"{event.id}  {output.clock_time(event.time, date=True)}  {event.verdict}{_status(event)}"
    yield from _request_lines(event)
    yield from stage_lines(event.stages)
    yield from refusal_lines(event.refusals)
    yield from finding_lines(event.findings)
    yield from _body_lines(event)
    timing = event.timing
    if not timing.total_us:
        return
    yield (
        f"  time      {output.milliseconds(timing.total_us)} in all, {output.milliseconds(timing.engine_us)} "
        f"in the engine, {output.milliseconds(timing.upstream_us)} waiting for the upstream"
    )


def stage_lines(stages: Sequence[StageNote]) -> Iterator[str]:
    """One line for each stage that ran, in order."""
    for note in stages:
        mark = MARKS.get(note.outcome, "?")
        said = "  ".join(part for part in (output.visible(note.detail), _because(note.setting)) if part)
        yield f"  {mark} {note.stage:<10}{note.outcome:<13}{said}".rstrip()


def refusal_lines(refusals: Sequence[Refusal]) -> Iterator[str]:
    """Why it was refused, and how to let it through when it was right."""
    for refusal in refusals:
        yield f"  reason    {refusal.reason} ({refusal.status}), stage {refusal.stage}"
        if refusal.detail:
            yield f"            {output.visible(refusal.detail)}"
        if refusal.setting:
            yield f"            set by {output.visible(refusal.setting)}"
        if refusal.exception:
            yield f"            to let it through: {output.visible(refusal.exception)}"


def finding_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """What detectors saw, below the threshold too."""
    for finding in findings:
        steps = f" after {' > '.join(finding.steps)}" if finding.steps else ""
        yield f"  finding   {finding.detector} {finding.confidence:.2f} in {output.visible(finding.place)}{steps}"
        yield f"            {output.visible(finding.note)}: `{output.visible(finding.evidence)}`"


def _status(event: Event) -> str:
    """The status that the caller got, or would get."""
    if event.response:
        return f" {event.response.status}"
    return f" {event.refusals[-1].status}" if event.verdict == "refused" and event.refusals else ""


def _request_lines(event: Event) -> Iterator[str]:
    request = event.request
    if request:
        query = f"?{request.query}" if request.query else ""
        asked = f"{request.method} {request.path}{query}"
        yield f"  request   {output.visible(asked)}  HTTP/{request.version} on {output.visible(request.authority)}"
    else:
        yield "  request   its head could not be read"
    via = f" through {event.client.peer}" if event.client.peer else ""
    yield f"  caller    {output.visible(event.actor)} from {event.client.address}{via}"
    where = [
        part
        for part in (
            f"api {event.api}" if event.api else "no api",
            f"operation {event.operation}" if event.operation else "",
            f"mode {event.mode}" if event.mode else "",
            f"bundle {event.bundle}",
        )
        if part
    ]
    yield f"  judged    {output.visible(', '.join(where))}"
    if event.response and event.response.upstream:
        yield f"  upstream  {output.visible(event.response.upstream)}"
    if event.trace:
        yield f"  trace     {output.visible(event.trace.id)}, called from span {output.visible(event.trace.parent)}"


def _body_lines(event: Event) -> Iterator[str]:
    """What is told of bodies: masked excerpts, and fields without values."""
    for name, side in (("sent", event.request), ("answered", event.response)):
        if side is None:
            continue
        for header in side.headers if isinstance(side, RequestRecord) else ():
            yield f"  header    {output.visible(header)}"
        if side.excerpt:
            yield f"  {name:<10}{output.visible(side.excerpt)}"
        if side.fields:
            shown = ", ".join(f"{one.field} {one.data or one.format or one.type}" for one in side.fields)
            yield f"  {name:<10}fields: {output.visible(shown)}"


def _because(setting: str) -> str:
    return f"[{output.visible(setting)}]" if setting else ""
