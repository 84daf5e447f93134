"""A real Chromium, a whole Stockade before it, and everything that a page may do wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright
from tests.e2e.stockades import free_port, until

from stockade.app.admin_client import AdminClient
from stockade.store.folder import DataFolder, read_json

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
CHROMIUM = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
PASSWORD = "seven green bridges"

HOSTILE = (
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    '"><svg onload=window.pwned=1>',
    "{{7*7}}${7*7}",
    "';window.pwned=1;//",
    "javascript:window.pwned=1",
    "\u202egnp.exe",
)
"""What attack traffic leaves behind for whoever looks at it."""

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""


@dataclass
class Site:
    """A running demo."""

    url: str
    """Where the console is."""
    traffic: str
    """Where clients connect."""
    data: Path
    """Data folder."""

    def admin(self) -> AdminClient:
        """The admin API, as the folder's owner."""
        return AdminClient(self.data)

    def invite(self, name: str, role: str) -> str:
        """The path of a one-time link."""
        return str(self.admin().ask("POST", "/api/v1/users", {"name": name, "role": role})["path"])


@dataclass
class Watched:
    """A page, and what went wrong on it."""

    page: Page
    """The page."""
    problems: list[str] = field(default_factory=list)
    """Errors of the console, and failed requests."""

    def complaints(self) -> list[str]:
        """Everything that went wrong, violations of the policy for content included."""
        violations: list[str] = self.page.evaluate("window.violations ?? []")
        pwned = self.page.evaluate("window.pwned ?? null")
        return [*self.problems, *violations, *(["a script of an attacker ran"] if pwned else [])]


@contextmanager
def demo(folder: Path) -> Iterator[Site]:
    """`stockade demo` with its shop and attacks, and hostile strings wherever a request has room for them."""
    port, admin = free_port(), free_port()
    command = [sys.executable, "-m", "stockade", "demo", "--listen", f"127.0.0.1:{port}", "--json"]
    command += ["--admin", f"127.0.0.1:{admin}", "--data", str(folder)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert running.stdout is not None
        for line in running.stdout:
            if "next" in json.loads(line):
                break
        site = Site(f"http://127.0.0.1:{admin}", f"http://127.0.0.1:{port}", folder / "data")
        attack(site)
        yield site
    finally:
        with suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGINT)
        running.wait(timeout=60)
        if running.stdout is not None:
            running.stdout.close()
        for file in (DataFolder(folder / "data").gateway_state, DataFolder(folder / "data").control_state):
            pid = (read_json(file) or {}).get("pid")
            if isinstance(pid, int):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def attack(site: Site) -> None:
    """Send what attackers send."""
    with httpx.Client(base_url=site.traffic) as client:
        for text in HOSTILE:
            plain = text.encode("ascii", "replace").decode()
            headers = {"user-agent": plain, "x-api-key": plain, "referer": plain}
            client.get("/products", params={"q": text}, headers=headers)
            client.get(f"/products/{text}", headers=headers)
            client.post("/sessions", json={"email": text, "password": text}, headers=headers)
    wanted = "/api/v1/events?path=/products/&limit=1000"
    until(lambda: len(site.admin().ask("GET", wanted)["events"]) >= 5, 20, "the events of the attack")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def looking(
    browser: Browser, site: Site, state: Any = None, *, width: int = 1440, dark: bool = False
) -> Iterator[Watched]:
    """A page of a browser with a width and colours.

    Args:
        browser: the browser.
        site: whose console it looks at.
        state: cookies of somebody who signed in.
        width: pixels.
        dark: whether the system is dark.
    """
    context = browser.new_context(
        base_url=site.url,
        viewport={"width": width, "height": 900 if width > 500 else 844},
        color_scheme="dark" if dark else "light",
        storage_state=state,
        reduced_motion="reduce",
    )
    context.add_init_script(WATCH)
    page = context.new_page()
    watched = Watched(page)
    page.on("console", lambda said: watched.problems.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: watched.problems.append(str(error)))
    try:
        yield watched
    finally:
        context.close()


def signed_in(browser: Browser, site: Site, name: str, role: str) -> Any:
    """Cookies of somebody who accepted an invitation in the browser."""
    with looking(browser, site) as watched:
        page = watched.page
        page.goto(site.invite(name, role))
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Set it and sign in").click()
        page.wait_for_url(f"{site.url}/")
        assert watched.complaints() == []
        return page.context.storage_state()
