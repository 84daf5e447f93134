"""`stockade control`: reads the events, watches the config, ends decisions, serves the admin API.

Traffic does not need it: the gateway goes on judging by its last good bundle while control is slow, restarting or gone.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FrameType

import uvicorn

from stockade.app.admin.application import Pages, build
from stockade.app.admin.authorise import Authorise
from stockade.app.admin.guard import Guard
from stockade.app.archiving import Archiving
from stockade.app.certificates import Renewals
from stockade.app.control_state import ControlState
from stockade.app.look_ups import LookUps
from stockade.app.policy import Policy
from stockade.app.token import read_or_create
from stockade.config.admin import Admin
from stockade.core.errors import StockadeError
from stockade.store.events import BATCH
from stockade.store.folder import DataFolder, write_json

LOG = logging.getLogger("stockade.control")

TAIL_S = 0.1
"""Seconds between two looks for new events."""

BEHAVIOUR_S = 0.05
"""Seconds between two looks for events to be judged by behaviour."""

ARCHIVE_S = 0.2
"""Seconds between two looks for events to take into the archive."""

WATCH_S = 1.0
"""Seconds between two looks at the files of the policy."""

RENEW_S = 5.0
"""Seconds between two looks for certificates that are due."""

FETCH_S = 0.5
"""Seconds between two looks for key sets that are due."""

CLEAN_S = 5.0
"""Seconds between two looks for decisions that have ended."""

BACKLOG = 128
"""Connections that may wait to be accepted."""


class ControlProcess:
    """Runs the parts of control: its threads and the admin API.

    Args:
        folder: the data folder.
        policy: the config and the bundle made from it.
        state: what the parts share.
        admin: how the admin API is served.
        archiving: opens the archive that events are taken into.
        renewals: obtains certificates that are due.
        look_ups: answers what the gateway has to be told.
        fetch: fetches the key sets that are due.
        pages: makes the console.
    """

    def __init__(
        self,
        folder: DataFolder,
        policy: Policy,
        state: ControlState,
        admin: Admin,
        archiving: Callable[[], Archiving],
        renewals: Renewals,
        look_ups: LookUps,
        fetch: Callable[[], None],
        pages: Pages | None = None,
    ) -> None:
        self._folder = folder
        self._policy = policy
        self._state = state
        self._admin = admin
        self._pages = pages
        self._open_archive = archiving
        self._archiving: Archiving | None = None
        self._renewals = renewals
        self._look_ups = look_ups
        self._fetch = fetch
        self._events = state.events.follow(0)
        self._stop = threading.Event()
        self._look_now = threading.Event()

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT.

        Returns:
            0.

        Raises:
            StockadeError: the address cannot be bound, or the token cannot be used.
        """
        self._policy.begin()
        token = read_or_create(self._folder.admin_token)
        with _listening(self._admin.listen) as listener, self._signals():
            host, port = listener.getsockname()[:2]
            threads = [
                threading.Thread(target=self._repeat, args=(self._tail, TAIL_S), name="tail", daemon=True),
                threading.Thread(target=self._watch, name="watch", daemon=True),
                threading.Thread(target=self._repeat, args=(self._archive, ARCHIVE_S), name="archive", daemon=True),
                threading.Thread(
                    target=self._repeat, args=(self._behaviour, BEHAVIOUR_S), name="behaviour", daemon=True
                ),
                threading.Thread(target=self._repeat, args=(self._clean, CLEAN_S), name="clean", daemon=True),
                threading.Thread(target=self._repeat, args=(self._renewals.run, RENEW_S), name="renew", daemon=True),
                threading.Thread(target=self._repeat, args=(self._fetch, FETCH_S), name="fetch", daemon=True),
                threading.Thread(target=self._look_ups.run, args=(self._stop,), name="look-ups", daemon=True),
            ]
            self._fill()
            for thread in threads:
                thread.start()
            shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            if self._admin.url is None:
                self._state.site = replace(self._state.site, url=f"http://{shown}")
            write_json(self._folder.control_state, {"pid": os.getpid(), "admin": shown})
            LOG.info("admin API on http://%s", shown)
            try:
                self._serve(listener, token, host)
            finally:
                self._stop.set()
                self._look_now.set()
                self._look_ups.close()
                for thread in threads:
                    thread.join(timeout=2.0)
                if self._archiving is not None:
                    self._archiving.close()
                if self._state.watching is not None:
                    self._state.watching.save()
                self._folder.control_state.unlink(missing_ok=True)
        return 0

    def _serve(self, listener: socket.socket, token: str, host: str) -> None:
        hosts = {"127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host, *self._admin.hosts}
        site = self._state.site
        application = build(self._state, self._pages)
        authorised = Authorise(application, self._state.accounts, token, site.cookie, self._state.clock)
        settings = uvicorn.Config(
            Guard(authorised, hosts, secure=site.secure),
            access_log=False,
            log_level="warning",
            server_header=False,
            date_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            limit_concurrency=64,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=32 * 1024,
        )
        uvicorn.Server(settings).run(sockets=[listener])

    def _fill(self) -> None:
        """Take in what was recorded before, so that decisions can be counted from the start."""
        try:
            newest = self._state.events.newest(BATCH)
        except StockadeError as error:
            self._state.spool_problem = str(error)
            return
        self._state.recent.add(reversed(newest), count=False)
        self._state.has_older = len(newest) == BATCH or self._folder.has_archive()
        self._state.last_seq = newest[0].seq if newest else 0
        self._events = self._state.events.follow(self._state.last_seq)

    def _tail(self) -> None:
        while not self._stop.is_set():
            try:
                batch = self._events.read()
            except StockadeError as error:
                if self._state.spool_problem is None:
                    LOG.error("cannot read events: %s", error)
                self._state.spool_problem = str(error)
                return
            self._state.spool_problem = None
            self._state.last_seq, self._state.missing = self._events.last_seq, self._events.missing
            self._state.recent.add(batch)
            if not batch:
                return

    def _archive(self) -> None:
        try:
            if self._archiving is None:
                self._archiving = self._open_archive()
            self._archiving.step()
        except (StockadeError, OSError) as error:
            if self._state.archive_problem is None:
                LOG.error("cannot keep events: %s", error)
            self._state.archive_problem = str(error)
            return
        self._state.archive_problem = self._archiving.problem
        self._state.archive = self._archiving.status()

    def _behaviour(self) -> None:
        if self._state.watching is not None:
            self._state.watching.step()

    def _clean(self) -> None:
        self._state.audit.checkpoint()
        self._state.accounts.sessions.clean()
        ended = self._state.decisions.clean()
        if ended:
            LOG.info("%d decisions have ended", ended)

    def _watch(self) -> None:
        while not self._stop.is_set():
            forced = self._look_now.wait(WATCH_S)
            self._look_now.clear()
            if not self._stop.is_set():
                self._policy.refresh(forced=forced)

    def _repeat(self, work: Callable[[], None], every_s: float) -> None:
        while not self._stop.wait(every_s):
            try:
                work()
            except Exception:
                # One bad look must not end the looking.
                LOG.exception("%s failed", threading.current_thread().name)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def reload(_number: int, _frame: FrameType | None) -> None:
            self._look_now.set()

        def stop(_number: int, _frame: FrameType | None) -> None:
            # The server has its own handlers while it runs and raises what it caught again when it has ended.
            self._stop.set()

        handlers = {signal.SIGHUP: reload, signal.SIGTERM: stop, signal.SIGINT: stop}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def _listening(address: str) -> Iterator[socket.socket]:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, int(port)))
            listener.listen(BACKLOG)
        except (OSError, ValueError) as error:
            raise StockadeError(
                "run.admin_address",
                f"cannot listen on admin address `{address}`: {error}",
                "choose a free one with `--admin` or `admin.listen`",
            ) from error
        yield listener
    finally:
        listener.close()
