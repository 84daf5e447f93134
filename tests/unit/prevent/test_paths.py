from __future__ import annotations

import random
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade.prevent.inventory.forms import form_of
from stockade.prevent.inventory.paths import PathLearner

CHANCE = random.Random(3)
WORDS = ["apple", "river", "stone", "cloud", "paper", "light", "green", "house", "table", "music", "north", "coast"]
NAMES = [
    "ada",
    "bob",
    "cleo",
    "dora",
    "ed",
    "fay",
    "gil",
    "hal",
    "ida",
    "jon",
    "kim",
    "lou",
    "mia",
    "ned",
    "ora",
    "pia",
]


def slug() -> str:
    return "-".join(CHANCE.choice(WORDS) for _ in range(CHANCE.randrange(1, 5)))


FORMS: dict[str, Callable[[], str]] = {
    "int": lambda: str(CHANCE.randrange(1, 10**6)),
    "uuid": lambda: str(uuid.UUID(int=CHANCE.getrandbits(128), version=4)),
    "date": lambda: f"20{CHANCE.randrange(10, 27)}-{CHANCE.randrange(1, 13):02}-{CHANCE.randrange(1, 29):02}",
    "slug": slug,
    "sha": lambda: f"{CHANCE.getrandbits(160):040x}",
    "ulid": lambda: "01H" + "".join(CHANCE.choice("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in range(23)),
    "prefixed": lambda: "cus_" + "".join(CHANCE.choice("abcdefghijABCDEFGHIJ0123456789") for _ in range(14)),
    "login": lambda: CHANCE.choice(NAMES) + str(CHANCE.choice(["", "", 1, 22])),
}

SHOP = """GET /products|GET /products/{int}|GET /products/{int}/image|PUT /products/{int}/image|POST /login|POST /orders
GET /orders|GET /orders/{uuid}|DELETE /orders/{uuid}|POST /orders/{uuid}/payments|GET /orders/{uuid}/payments/{uuid}
GET /users/me|PATCH /users/me|GET /users/{uuid}|GET /users/{uuid}/address|PUT /users/{uuid}/address|GET /admin/users
DELETE /admin/users/{uuid}|GET /search|GET /health|GET /reports/{date}|GET /reports/{date}/lines/{int}"""

NEWS = """GET /v1/articles|POST /v1/articles|GET /v1/articles/{slug}|PUT /v1/articles/{slug}|DELETE /v1/articles/{slug}
POST /v1/articles/{slug}/favorite|GET /v1/articles/{slug}/comments|POST /v1/articles/{slug}/comments
DELETE /v1/articles/{slug}/comments/{int}|GET /v1/articles/feed|GET /v1/profiles/{login}
POST /v1/profiles/{login}/follow|GET /v1/tags|GET /v1/tags/{slug}/articles|GET /v1/archive/{date}
GET /v1/authors/{uuid}/articles|GET /v2/articles|GET /v2/articles/{slug}|GET /v1/user|PUT /v1/user"""

CODE = """GET /repos/{login}/{slug}|GET /repos/{login}/{slug}/issues|POST /repos/{login}/{slug}/issues
GET /repos/{login}/{slug}/issues/{int}|PATCH /repos/{login}/{slug}/issues/{int}
GET /repos/{login}/{slug}/issues/{int}/comments|GET /repos/{login}/{slug}/commits
GET /repos/{login}/{slug}/commits/{sha}|GET /repos/{login}/{slug}/git/refs|GET /users/{login}|GET /users/{login}/repos
GET /2010-04-01/accounts|GET /2010-04-01/accounts/{prefixed}|POST /2010-04-01/accounts/{prefixed}/messages
GET /2010-04-01/accounts/{prefixed}/messages/{ulid}|GET /gists|GET /gists/{sha}|GET /emojis|GET /rate_limit"""


def operations(text: str) -> list[tuple[str, str]]:
    found = [line.strip().partition(" ") for row in text.splitlines() for line in row.split("|")]
    return [(method, path) for method, _, path in found]


def concrete(path: str) -> str:
    return "/".join(FORMS[part[1:-1]]() if part.startswith("{") else part for part in path.split("/"))


def shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


@pytest.mark.parametrize("text", [SHOP, NEWS, CODE], ids=["shop", "news", "code"])
def test_every_operation_is_found_from_fifty_requests_and_hardly_a_false_one(text: str) -> None:
    wanted = {(method, shape(path)) for method, path in operations(text)}
    learner = PathLearner()
    for method, path in operations(text) * 50:
        learner.add(method, concrete(path))
    found = {(template.method, shape(template.path)) for template in learner.templates()}
    assert len(found & wanted) / len(wanted) >= 0.98, wanted - found
    assert len(found - wanted) / len(found) <= 0.02, found - wanted


@pytest.mark.parametrize(
    ("segment", "form"),
    [
        ("orders", "word"),
        ("v2", "word"),
        ("how-to-cook-in-10-minutes", "word"),
        ("17", "integer"),
        ("7d3a1c52-9a0b-4a39-8f2e-0d6a3f1b2c4d", "uuid"),
        ("2026-11-24", "date"),
        ("9f86d081884c7d65", "hex"),
        ("deadbeef", "word"),
        ("cus_9s6XKzkNRiz8i3", "token"),
        ("01HZX3V9T6Q1W8E5R2Y7K4M0NB", "token"),
        ("INV-20934", "token"),
        ("ada@example.com", "email"),
    ],
)
def test_forms_of_segments(segment: str, form: str) -> None:
    assert form_of(segment) == form


def test_parameters_are_named_after_the_word_before_them() -> None:
    learner = PathLearner()
    for number in range(60):
        learner.add("GET", f"/categories/{number}/boxes/{number + 1}/2026-01-{number % 28 + 1:02}")
    (template,) = learner.templates()
    assert template.path == "/categories/{category_id}/boxes/{box_id}/{date}"
    assert [parameter.form for parameter in template.parameters] == ["integer", "integer", "date"]


def test_memory_is_bounded_whatever_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stockade.prevent.inventory.paths.NODES", 100)
    learner = PathLearner()
    for number in range(1000):
        learner.add("GET", f"/a/{'x' * (number % 50)}{chr(97 + number % 26)}q/{'y' * (number % 70)}z")
    learner.add("GET", "/deep" * 100)
    assert learner.left_out > 0
    assert sum(template.count for template in learner.templates()) + learner.left_out == 1001


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=20))
def test_any_paths_are_taken_and_counted(paths: list[str]) -> None:
    learner = PathLearner()
    for path in paths:
        learner.add("GET", "/" + path)
    assert sum(template.count for template in learner.templates()) + learner.left_out == len(paths)
