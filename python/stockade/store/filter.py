"""Which events a question is about."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from stockade.model.event import Event, Notice, Record


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Everything that is named must fit; what is None does not matter."""

    since: int | None = None
    """Oldest time, microseconds since the epoch, included."""
    until: int | None = None
    """Newest time, microseconds since the epoch, excluded."""
    verdict: str | None = None
    """`allowed`, `refused`, `would_refuse` or `failed`."""
    status: int | None = None
    """Status that the caller got."""
    api: str | None = None
    """API, by its name in config."""
    operation: str | None = None
    """Operation id."""
    actor: str | None = None
    """Actor as `kind:id`, or the id alone."""
    path: str | None = None
    """Beginning of the canonical path."""
    reason: str | None = None
    """Reason code of one of its refusals; a stage's name stands for all of its reasons."""
    method: str | None = None
    """Method."""
    address: str | None = None
    """Address of the caller, or of the proxy before it."""
    detector: str | None = None
    """Detector or rule that found something."""
    object: str | None = None
    """Id of an object: a whole segment of the path, or a value in the query."""
    text: str | None = None
    """Text anywhere in the evidence, in any case; only the archive can be asked for it."""

    @property
    def asks_for_exchanges(self) -> bool:
        """Whether something is asked that only an exchange has."""
        return any(value is not None for name, value in asdict(self).items() if name not in ("since", "until"))

    @property
    def needs_archive(self) -> bool:
        """Whether only the archive can answer."""
        return self.text is not None

    def fits(self, record: Record) -> bool:
        """Whether a record is asked for."""
        if self.since is not None and record.time < self.since:
            return False
        if self.until is not None and record.time >= self.until:
            return False
        if isinstance(record, Notice):
            return not self.asks_for_exchanges
        return self._fits_exchange(record)

    def _fits_exchange(self, event: Event) -> bool:
        status = event.response.status if event.response else None
        return (
            (self.verdict is None or event.verdict == self.verdict)
            and (self.status is None or status == self.status)
            and (self.api is None or event.api == self.api)
            and (self.operation is None or event.operation == self.operation)
            and (self.actor is None or self.actor in (event.actor, event.actor.partition(":")[2]))
            and (self.path is None or (event.request is not None and event.request.path.startswith(self.path)))
            and (self.reason is None or any(_named(item.reason, self.reason) for item in event.refusals))
            and (self.method is None or (event.request is not None and event.request.method == self.method))
            and (self.address is None or self.address in (event.client.address, event.client.peer))
            and (self.detector is None or any(item.detector == self.detector for item in event.findings))
            and (self.object is None or _touches(event, self.object))
        )


def _touches(event: Event, wanted: str) -> bool:
    request = event.request
    return request is not None and (
        f"/{wanted}/" in f"{request.path}/" or (request.query is not None and f"={wanted}&" in f"{request.query}&")
    )


def _named(code: str, asked: str) -> bool:
    return code == asked or code.startswith(f"{asked}.")
