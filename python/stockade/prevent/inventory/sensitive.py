"""Finds personal and secret data in values: what has a check digit is believed only when that is right."""

from __future__ import annotations

import re
from dataclasses import dataclass

LENGTH = 4_096
"""Letters of a value that are looked at."""


@dataclass(frozen=True, slots=True)
class DataFound:
    """One class of data in a value."""

    data_class: str
    """`card`, `iban`, `email`, `phone`, `ssn`, `jwt` or `key`."""
    confidence: float
    """0.0 to 1.0: whether the form alone says so, or a check digit too."""


_CARD = re.compile(r"(?<![\w.])(?:\d[ -]?){12,18}\d(?![\w.])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?!\w)")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
_PHONE = re.compile(r"(?<![\w.])\+[1-9](?:[ ().-]{0,2}\d){7,14}(?![\w.])")
_SSN = re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_JWT = re.compile(r"(?<![\w.-])eyJ[\w-]{8,}\.eyJ[\w-]{4,}\.[\w-]{16,}(?![\w.-])")
_KEY = re.compile(
    r"(?<![\w-])(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|sk_(?:live|test)_[A-Za-z0-9]{20,64}|xox[abp]-[\w-]{20,80}"
    r"|AIza[\w-]{35})(?![\w-])|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"
)

_ISSUERS = re.compile(
    r"4|5[1-5]|2(?:2[2-9]|[3-6]|7[01]|720)|3[47]|6(?:011|4[4-9]|5)|35(?:2[89]|[3-8])|3(?:0[0-5]|[689])|62"
)
_CARD_LENGTHS = {"3": (14, 15, 16), "4": (13, 16, 19), "5": (16,), "2": (16,), "6": (16, 17, 18, 19)}
_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI NL",
    19: "SI",
    20: "AT EE LT LU",
    21: "CH HR LI LV",
    22: "BG DE GB IE",
    23: "AE IL",
    24: "CZ ES RO SA SE SK",
    25: "PT",
    26: "IS TR",
    27: "FR GR IT MC",
    28: "CY HU PL",
    29: "UA",
    31: "MT",
}
_IBAN_LENGTHS = {country: length for length, listed in _COUNTRIES.items() for country in listed.split()}


def data_in(value: str) -> list[DataFound]:
    """The classes of data in a value, each once."""
    text = value[:LENGTH]
    found: list[DataFound] = []
    if any(_is_card(match.group()) for match in _CARD.finditer(text)):
        found.append(DataFound("card", 0.95))
    if any(_is_iban(match.group()) for match in _IBAN.finditer(text)):
        found.append(DataFound("iban", 0.99))
    for data_class, pattern, confidence in (
        ("email", _EMAIL, 0.95),
        ("phone", _PHONE, 0.8),
        ("ssn", _SSN, 0.7),
        ("jwt", _JWT, 0.99),
        ("key", _KEY, 0.99),
    ):
        if pattern.search(text):
            found.append(DataFound(data_class, confidence))
    return found


def luhn(digits: str) -> bool:
    """Whether the check digit of a card number is right (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit)
        if place % 2:
            number = number * 2 - 9 if number > 4 else number * 2
        total += number
    return total % 10 == 0


def _is_card(text: str) -> bool:
    digits = text.replace(" ", "").replace("-", "")
    if not _ISSUERS.match(digits) or len(digits) not in _CARD_LENGTHS.get(digits[0], ()):
        return False
    return len(set(digits)) > 1 and luhn(digits)


def _is_iban(text: str) -> bool:
    plain = text.replace(" ", "")
    length = _IBAN_LENGTHS.get(plain[:2])
    # What follows an IBAN after a space may look like more of it.
    if length is None or len(plain) < length:
        return False
    plain = plain[:length]
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1
