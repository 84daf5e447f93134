"""Classes of personal and secret data: recognised in values by the core, and guessed from the names of fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from stockade.core import bodies

CERTAINTY: Mapping[str, float] = {
    "card": 0.95,
    "email": 0.95,
    "iban": 0.99,
    "jwt": 0.99,
    "key": 0.99,
    "national_id": 0.9,
    "phone": 0.8,
    "ssn": 0.7,
}
"""Classes that the core recognises in values, and how sure it can be: more where there is a check digit."""

BY_NAME = 0.5
"""Confidence of a class that only the name of a field speaks for."""

_NAMES: Mapping[str, str] = {
    "card": r"pan|(?:credit_?)?card_?(?:number|no)?|cc_?number",
    "email": r"e_?mail(?:_?address)?",
    "iban": r"iban|(?:bank_?)?account_?number",
    "national_id": r"national_?id|tax_?id|passport(?:_?(?:number|no))?|id_?card|social_?security\w*|nin|nif|cpf|nir",
    "ssn": r"ssn",
    "phone": r"(?:tele)?phone(?:_?number)?|mobile(?:_?number)?|msisdn|fax",
    "credential": r"pass(?:word|wd|phrase)?|secret|pin|otp|(?:access|refresh|id|auth|session|api)_?(?:token|key)|token"
    r"|api_?key|private_?key|client_?secret|cvc2?|cvv2?|security_?code",
    "health": r"diagnos[ei]s|icd_?10?(?:_?code)?|blood_?(?:type|group|pressure)|allerg(?:y|ies)|medication\w*"
    r"|prescription\w*|symptoms?|disease|disability|patient_?\w*|medical_?\w*|health_?\w*|insurance_?(?:number|no)",
    "location": r"lat(?:itude)?|lng|lon(?:gitude)?|geo_?\w*|coordinates?|street\w*|address(?:_?(?:line)?_?\d)?"
    r"|(?:post|zip)(?:al)?_?code|zip|(?:home|shipping|billing|delivery)_?address|location",
    "person": r"(?:first|last|full|middle|given|family|maiden|sur|user_?real)_?name|surname|birth_?name",
    "birth": r"birth_?(?:date|day|place)|date_?of_?birth|dob",
    "ip_address": r"(?:remote_?|client_?)?ip(?:_?addr(?:ess)?)?",
    "finance": r"salary|income|wage|balance|credit_?(?:score|limit)|net_?worth",
}
_BY_NAME = [(data_class, re.compile(pattern, re.IGNORECASE)) for data_class, pattern in _NAMES.items()]

CLASSES = tuple(sorted({*CERTAINTY, *_NAMES}))
"""Every class there is."""

SECRET = frozenset({"credential", "jwt", "key"})
"""Classes that open something; the others are about people."""

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MASKED: Mapping[str, str] = {"[card]": "card", "[iban]": "iban", "[email]": "email", "[jwt]": "jwt", "[key]": "key"}


@dataclass(frozen=True, slots=True)
class DataFound:
    """One class of data in a value."""

    data_class: str
    """One of `CERTAINTY`."""
    confidence: float
    """0.0 to 1.0: whether the form alone says so, or a check digit too."""


def data_in(value: str) -> list[DataFound]:
    """The classes of data in a value, each once. A value that was masked tells its class too."""
    classes = set(bodies.data_classes(value))
    classes |= {data_class for mark, data_class in _MASKED.items() if mark in value}
    return [DataFound(data_class, CERTAINTY[data_class]) for data_class in sorted(classes)]


def class_of_name(name: str) -> str | None:
    """The class of data that a field or parameter holds by its name; None when the name says nothing.

    Args:
        name: of a field, with the names around it: `customer.birthDate`, `items[].lat`.
    """
    last = name.rsplit(".", 1)[-1].removesuffix("[]")
    words = _WORD.sub("_", last).replace("-", "_")
    for data_class, pattern in _BY_NAME:
        if pattern.fullmatch(words):
            return data_class
    return None
