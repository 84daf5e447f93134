"""A shop that really runs: its own server, its own folder, any flaws."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from stockade.sample.application import build
from stockade.sample.flaws import Flaws
from stockade.sample.folder import open_shop
from stockade.sample.seed import SeedUser
from stockade.sample.state import Shop

NOW = 1_800_000_000


class Client:
    """Calls a running shop."""

    def __init__(self, shop: Shop, url: str, folder: Path) -> None:
        self.shop = shop
        self.url = url
        self.folder = folder
        self.http = httpx.Client(base_url=url, timeout=10, trust_env=False)

    def log_in(self, user: SeedUser) -> dict[str, str]:
        """The header fields of a user who is logged in."""
        answer = self.http.post("/sessions", json={"email": user.email, "password": user.password})
        assert answer.status_code == 200
        return {"authorization": f"Bearer {answer.json()['token']}"}


@contextlib.contextmanager
def running(folder: Path, flaws: Flaws) -> Iterator[Client]:
    """Run a shop for a while."""
    shop = open_shop(folder, lambda: NOW, flaws)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(build(shop), log_level="critical", access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    client = Client(shop, f"http://127.0.0.1:{listener.getsockname()[1]}", folder)
    try:
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        yield client
    finally:
        client.http.close()
        server.should_exit = True
        thread.join(10)
        listener.close()
        shop.database.close()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A shop without flaws."""
    with running(tmp_path_factory.mktemp("shop"), Flaws()) as found:
        yield found


Flawed = Callable[[str], Client]


@pytest.fixture
def flawed(tmp_path: Path) -> Iterator[Flawed]:
    """Shops with one flaw each."""
    with contextlib.ExitStack() as stack:
        yield lambda name: stack.enter_context(running(tmp_path / name, Flaws.named([name])))
