from __future__ import annotations

import random
import string
import uuid
from collections import Counter
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from stockade.prevent.inventory.sensitive import class_of_name, data_in

CHANCE = random.Random(11)
WORDS = ["order", "paid", "with", "ref", "note", "see", "my", "is", "the", "number", "call", "to"]


def luhn(number: str) -> bool:
    """Whether a check digit is right (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0


def digits(count: int) -> str:
    return "".join(CHANCE.choice(string.digits) for _ in range(count))


def letters(count: int) -> str:
    return "".join(CHANCE.choice(string.ascii_letters + string.digits) for _ in range(count))


def card(*, right: bool = True) -> str:
    prefix, length = CHANCE.choice([("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("6011", 16), ("3530", 16)])
    body = prefix + digits(length - len(prefix) - 1)
    check = next(digit for digit in string.digits if luhn(body + digit))
    if not right:
        check = str((int(check) + CHANCE.randrange(1, 10)) % 10)
    whole = body + check
    joint = CHANCE.choice(["", " ", "-"])
    return joint.join(whole[place : place + 4] for place in range(0, len(whole), 4))


def iban(*, right: bool = True) -> str:
    country, length = CHANCE.choice([("DE", 22), ("GB", 22), ("FR", 27), ("NL", 18), ("ES", 24)])
    body = "".join(CHANCE.choice(string.digits) for _ in range(length - 4))
    check = 98 - int("".join(str(int(letter, 36)) for letter in body + country + "00")) % 97
    if not right:
        check = check % 96 + 2 if check % 96 + 2 != check else check - 1
    whole = f"{country}{check:02}{body}"
    return whole if CHANCE.random() < 0.5 else " ".join(whole[at : at + 4] for at in range(0, length, 4))


def dni(number: int, *, right: bool = True) -> str:
    letters = "TRWAGMYFPDXBNJZSQVHLCKE"
    return f"{number}{letters[(number + (0 if right else 1 + CHANCE.randrange(22))) % 23]}"


GOOD: dict[str, Callable[[], str]] = {
    "card": card,
    "iban": iban,
    "email": lambda: (
        f"{letters(6).lower()}.{letters(4).lower()}@{letters(7).lower()}.{CHANCE.choice(['com', 'org', 'co.uk'])}"
    ),
    "phone": lambda: f"+{CHANCE.randrange(1, 99)} {digits(3)} {digits(3)} {digits(4)}",
    "ssn": lambda: f"{CHANCE.randrange(100, 600)}-{CHANCE.randrange(10, 99)}-{CHANCE.randrange(1000, 9999)}",
    "national_id": lambda: dni(CHANCE.randrange(10**7, 10**8)),
    "jwt": lambda: f"eyJ{letters(20)}.eyJ{letters(40)}.{letters(43)}",
    "key": lambda: CHANCE.choice(
        [f"AKIA{letters(16).upper()}", f"ghp_{letters(36)}", f"sk_live_{letters(24)}", "-----BEGIN PRIVATE KEY-----"]
    ),
}
ALIKE: list[Callable[[], str]] = [
    lambda: card(right=False),
    lambda: iban(right=False),
    lambda: dni(CHANCE.randrange(10**7, 10**8), right=False),
    lambda: str(uuid.UUID(int=CHANCE.getrandbits(128))),
    lambda: f"2026-{CHANCE.randrange(10, 13)}-{CHANCE.randrange(10, 29)} {digits(2)}:{digits(2)}",
    lambda: f"17{digits(11)}",
    lambda: f"order {digits(10)}",
    lambda: f"{digits(3)}.{digits(3)}.{digits(2)}.{digits(3)}",
    lambda: f"user@{letters(5)}",
    lambda: f"+{digits(3)}",
    lambda: f"000-{digits(2)}-{digits(4)}",
    lambda: letters(40),
    lambda: f"eyJ{letters(5)}",
    lambda: f"sk_{letters(10)}",
    lambda: f"{digits(5)}-{digits(4)}",
    lambda: f"v{digits(1)}.{digits(2)}.{digits(3)}",
]


def within(text: str) -> str:
    before, after = (" ".join(CHANCE.choice(WORDS) for _ in range(CHANCE.randrange(3))) for _ in range(2))
    return f"{before} {text} {after}".strip()


def test_what_is_there_is_found_and_what_looks_alike_is_not() -> None:
    """At least 99 % recall and 97 % precision, with as many look-alikes as values."""
    right, missed, wrong = Counter[str](), Counter[str](), Counter[str]()
    for data_class, make in GOOD.items():
        for _ in range(600):
            found = {one.data_class for one in data_in(within(make()))}
            (right if data_class in found else missed)[data_class] += 1
            wrong.update(found - {data_class})
    for make in ALIKE:
        for _ in range(300):
            wrong.update(one.data_class for one in data_in(within(make())))
    recall = right.total() / (right.total() + missed.total())
    precision = right.total() / (right.total() + wrong.total())
    assert recall >= 0.99, missed
    assert precision >= 0.97, wrong


@given(st.text(max_size=300))
def test_any_text_is_looked_at(text: str) -> None:
    assert len({one.data_class for one in data_in(text)}) == len(data_in(text))


def test_names_of_fields_say_what_they_hold() -> None:
    for name, data_class in {
        "customer.birthDate": "birth",
        "items[].lat": "location",
        "shipping-address": "location",
        "patient_id": "health",
        "firstName": "person",
        "newPassword": None,
        "password": "credential",
        "passport_no": "national_id",
        "productName": None,
        "name": None,
        "id": None,
        "created_at": None,
    }.items():
        assert class_of_name(name) == data_class, name
