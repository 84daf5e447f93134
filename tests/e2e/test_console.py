"""Every view of the console in a real Chromium: wide and narrow, light and dark, by mouse and by keyboard."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from tests.e2e.browsing import CHROMIUM, HOSTILE, PASSWORD, SCREENSHOTS, Site, chromium, demo, looking, signed_in

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
    pytest.mark.timeout(300),
]

VIEWS = {
    "overview": "/",
    "incidents": "/incidents",
    "incident": "/incidents/i-1",
    "live": "/live",
    "explorer": "/events",
    "explorer-refused": "/events?verdict=refused&since=24h",
    "inventory": "/inventory",
    "operation": "/operation?api=shop&id=listProducts",
    "actors": "/actors",
    "pivot": "/pivot?value=127.0.0.1",
    "decisions": "/decisions",
    "rules": "/rules",
    "policy": "/policy",
    "policy-edit": "/policy/edit",
    "version": "/policy/versions/1",
    "health": "/health",
    "audit": "/audit",
    "account": "/account",
    "people": "/people",
    "signin": "/signin",
}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with (
        tempfile.TemporaryDirectory(prefix="stockade-", ignore_cleanup_errors=True) as folder,
        demo(Path(folder)) as up,
    ):
        yield up


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def admin(browser: Browser, site: Site) -> Any:
    return signed_in(browser, site, "ann", "admin")


@pytest.fixture(scope="module")
def viewer(browser: Browser, site: Site) -> Any:
    return signed_in(browser, site, "vic", "viewer")


def refused_event(site: Site) -> str:
    found = site.admin().ask("GET", "/api/v1/events?verdict=refused&limit=1")["events"]
    return str(found[0]["id"])


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def accessible(page: Page) -> list[str]:
    """What axe finds wrong: contrast, names, labels, structure."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:160]} {one['nodes'][0].get('failureSummary', '')}" for one in found
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("view", [*VIEWS, "event", "actor"])
def test_every_view_is_clean(browser: Browser, site: Site, admin: Any, view: str, width: int, dark: bool) -> None:
    path = VIEWS.get(view, f"/events/{refused_event(site)}" if view == "event" else "/actor?id=address:127.0.0.1")
    with looking(browser, site, admin, width=width, dark=dark) as watched:
        page = watched.page
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200
        if view == "live":
            httpx.get(f"{site.traffic}/products")
            page.wait_for_selector("#tail tbody tr")
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(
            path=SCREENSHOTS / f"{view}-{width}-{'dark' if dark else 'light'}.png", full_page=view != "live"
        )
        assert overflow(page) <= 0
        assert accessible(page) == []
        assert watched.complaints() == []


def test_what_attackers_wrote_is_shown_as_text(browser: Browser, site: Site, admin: Any) -> None:
    with looking(browser, site, admin) as watched:
        page = watched.page
        for path in ("/events?path=/products/", "/actors", "/", "/actor?id=address:127.0.0.1", "/pivot?value=<script>"):
            page.goto(path)
            assert watched.complaints() == [], path
        page.goto("/actor?id=address:127.0.0.1")
        assert "<script>" in page.inner_text("main")
        assert page.locator("main script, main img, main iframe").count() == 0
        for found in site.admin().ask("GET", "/api/v1/events?path=/products&limit=30")["events"]:
            page.goto(f"/events/{found['id']}")
            assert watched.complaints() == []
        for text in HOSTILE:
            page.goto("/events?" + httpx.QueryParams({"actor": text, "text": text}).__str__())
            page.goto("/actor?" + httpx.QueryParams({"id": text}).__str__())
            assert watched.complaints() == []


def test_from_the_overview_to_a_story_and_an_undone_decision(browser: Browser, site: Site, admin: Any) -> None:
    with looking(browser, site, admin) as watched:
        page = watched.page
        page.goto("/")
        # One click to the whole story.
        page.locator("#actors tbody tr a").first.click()
        expect(page.get_by_role("heading", name="What was touched")).to_be_visible()
        expect(page.locator("#events tbody tr").first).to_be_visible()
        page.get_by_role("button", name="Block or let pass").click()
        page.get_by_label("Value").fill("nobody-at-all")
        page.get_by_label("Attribute").select_option("subject")
        page.get_by_role("dialog").get_by_label("Why").fill("a test")
        page.get_by_role("button", name="Whom would it hit?").click()
        expect(page.locator("dialog output")).to_contain_text("It fits 0 of")
        page.get_by_role("button", name="Take it").click()
        # Two clicks to undo it.
        page.get_by_role("link", name=re.compile("^Decisions")).first.click()
        expect(page.get_by_text("subject=nobody-at-all")).to_be_visible()
        page.get_by_role("row", name=re.compile("nobody-at-all")).get_by_role("button", name="Undo").click()
        expect(page.get_by_text("subject=nobody-at-all")).to_have_count(0)
        left = site.admin().ask("GET", "/api/v1/decisions")["decisions"]
        assert all(one["selector"] != {"subject": "nobody-at-all"} for one in left)
        assert watched.complaints() == []


def test_the_overview_is_new_without_loading_it_again(browser: Browser, site: Site, admin: Any) -> None:
    with looking(browser, site, admin) as watched:
        page = watched.page
        page.goto("/")
        page.evaluate("window.same = true")
        before = page.locator(".figure dd").first.inner_text()
        for _ in range(30):
            httpx.get(f"{site.traffic}/products")
        expect(page.locator(".figure dd").first).not_to_have_text(before, timeout=15_000)
        assert page.evaluate("window.same")
        assert watched.complaints() == []


def test_a_page_says_that_it_is_not_fresh(browser: Browser, site: Site, admin: Any) -> None:
    with looking(browser, site, admin) as watched:
        page = watched.page
        page.goto("/")
        page.context.set_offline(True)
        expect(page.locator(".stale")).to_contain_text("not updated since", timeout=15_000)
        page.context.set_offline(False)
        expect(page.locator(".stale")).to_be_hidden(timeout=15_000)


def test_everything_works_by_keyboard(browser: Browser, site: Site, admin: Any) -> None:
    with looking(browser, site, admin) as watched:
        page = watched.page
        page.goto("/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("g")
        page.keyboard.press("e")
        page.wait_for_url("**/events")
        page.keyboard.press("/")
        page.keyboard.type("alice")
        page.keyboard.press("Enter")
        page.wait_for_url("**/events?actor=alice*")
        page.goto("/events")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"/events/[0-9A-Z]{26}"))
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        # Focus goes on through the page and can always be seen.
        page.goto("/decisions")
        seen = set()
        for _ in range(25):
            page.keyboard.press("Tab")
            outline = page.evaluate(
                "(() => { const at = document.activeElement; const style = getComputedStyle(at);"
                " return [at.outerHTML.slice(0, 90), style.outlineStyle, style.outlineWidth] })()"
            )
            if not outline[0].startswith("<body"):
                assert outline[1] != "none", outline
                seen.add(outline[0])
        assert len(seen) > 15
        assert watched.complaints() == []


def test_a_policy_is_changed_with_a_reason_and_taken_back(browser: Browser, site: Site, admin: Any) -> None:
    with looking(browser, site, admin) as watched:
        page = watched.page
        before = site.admin().ask("GET", "/api/v1/policy/source")["text"]
        page.goto("/policy/edit")
        text = page.get_by_role("textbox", name=re.compile("stockade.yaml"))
        text.fill(before.replace("threshold: 0.8", "threshold: 8"))
        page.get_by_role("button", name="Check").click()
        expect(page.locator("#good")).to_have_text("may not be put in force")
        text.fill(before.replace("threshold: 0.8", "threshold: 0.75"))
        page.get_by_role("button", name="Check").click()
        expect(page.locator("#good")).to_have_text("may be put in force")
        expect(page.locator("#diff .add")).to_have_text("+      threshold: 0.75")
        page.get_by_label("Why").fill("the test asks for it")
        page.get_by_role("button", name="Put in force").click()
        page.wait_for_url("**/policy")
        newest = page.get_by_role("row", name=re.compile("the test asks for it"))
        expect(newest).to_contain_text("ann")
        first = page.get_by_role("row", name=re.compile("^1 "))
        first.get_by_role("link", name=re.compile("Difference")).click()
        page.get_by_label("Why").fill("it was good before")
        page.get_by_role("button", name="Go back to this version").click()
        page.wait_for_url("**/policy")
        assert site.admin().ask("GET", "/api/v1/policy/source")["text"] == before
        assert watched.complaints() == []


def test_whoever_only_looks_finds_nothing_to_change(browser: Browser, site: Site, viewer: Any) -> None:
    with looking(browser, site, viewer) as watched:
        page = watched.page
        for path in (
            "/decisions",
            f"/events/{refused_event(site)}",
            "/actor?id=address:127.0.0.1",
            "/rules",
            "/policy",
        ):
            page.goto(path)
            assert page.get_by_role("button", name=re.compile("Block|Undo|Let it pass|Change")).count() == 0
            assert page.get_by_role("link", name="Change…").count() == 0
        page.goto("/")
        assert page.get_by_role("link", name="People").count() == 0
        for path in ("/people", "/policy/edit", "/policy/versions/1"):
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 403


def test_signing_out_and_in_again_leads_back(browser: Browser, site: Site, admin: Any) -> None:
    del admin
    with looking(browser, site) as watched:
        page = watched.page
        page.goto("/events?verdict=refused")
        expect(page).to_have_url(re.compile("/signin"))
        page.get_by_label("Name").fill("ann")
        page.get_by_label("Password").fill("not the password at all")
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("output")).to_contain_text("wrong")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/events?verdict=refused")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/signin")
        page.goto("/events")
        expect(page).to_have_url(re.compile("/signin"))


def test_colours_can_be_chosen(browser: Browser, site: Site, admin: Any) -> None:
    with looking(browser, site, admin) as watched:
        page = watched.page
        page.goto("/")
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_label("Colours").select_option("dark")
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert light != dark
        page.reload()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
        assert watched.complaints() == []


def test_no_other_site_changes_anything(browser: Browser, site: Site, admin: Any) -> None:
    """A form and a fetch of another origin, in a browser that is signed in."""
    with looking(browser, site, admin) as watched:
        page = watched.page
        before = site.admin().ask("GET", "/api/v1/users")["users"]
        target = f"{site.url}/api/v1/users"
        page.route("http://evil.example/", lambda route: route.fulfill(body="<p>evil</p>", content_type="text/html"))
        page.goto("http://evil.example/")
        said = page.evaluate(
            """async (target) => {
              const headers = { "content-type": "text/plain" };
              const options = { method: "POST", credentials: "include", body: "{}", headers };
              const answer = await fetch(target, { ...options, mode: "no-cors" }).then((one) => one.type, String);
              const form = document.createElement("form");
              form.method = "post"; form.action = target; form.target = "frame";
              const frame = document.createElement("iframe");
              frame.name = "frame";
              document.body.append(frame, form);
              form.submit();
              return answer;
            }""",
            target,
        )
        assert said
        page.wait_for_timeout(500)
        assert site.admin().ask("GET", "/api/v1/users")["users"] == before
