"""The discriminator of OpenAPI: of several alternatives, a property's value names the one that was meant.

By the letter it is a hint (OpenAPI 3.1, 4.8.25); here it decides, so that a value which fits another alternative than
the one it names is refused, and so that what is told of a fault is about the alternative that was meant.
"""

from typing import Any

from stockade.prevent.inventory.openapi.documents import Documents
from stockade.prevent.inventory.openapi.place import Place


def apply(documents: Documents, place: Place, schema: dict[str, Any]) -> None:
    """Bind each alternative of a converted schema to the names that choose it.

    Nothing is bound where some alternative is not a reference: such ones are not considered (4.8.25), so the plain
    keywords decide.

    Args:
        documents: follows references and collects problems.
        place: the schema as it was written.
        schema: what became of it.
    """
    discriminator = place.below("discriminator")
    if discriminator is None or not isinstance(discriminator.node.value, dict):
        return
    name = discriminator.text("propertyName")
    if name is None:
        documents.problem(discriminator, "expected a discriminator with `propertyName`")
        return
    keyword = next((keyword for keyword in ("oneOf", "anyOf") if isinstance(schema.get(keyword), list)), None)
    listed = place.below(keyword) if keyword else None
    if keyword is None or listed is None:
        return
    references = [item.text("$ref") for item in listed.items()]
    if len(references) != len(schema[keyword]) or None in references:
        return
    mapping = discriminator.below("mapping")
    schema[keyword] = [
        {
            "required": [name],
            "properties": {name: {"enum": _names(documents, item, str(reference), mapping)}},
            "allOf": [converted],
        }
        if _is_leaf(documents, item)
        else converted
        for item, reference, converted in zip(listed.items(), references, schema[keyword], strict=True)
    ]


def _names(documents: Documents, item: Place, reference: str, mapping: Place | None) -> list[str]:
    """The values that choose an alternative: its own name, and those that the mapping gives it."""
    names = [reference.rsplit("/", 1)[-1]]
    target = documents.resolve(item, reference)
    for name, value in mapping.mapping() if mapping else []:
        text = value.node.value
        if not isinstance(text, str) or target is None:
            continue
        if text == reference or text == names[0] or text.rsplit("/", 1)[-1] == names[0]:
            names.append(name)
    return list(dict.fromkeys(names))


def _is_leaf(documents: Documents, item: Place) -> bool:
    """Whether an alternative is one thing, not a choice in its turn: then its own name chooses nothing."""
    target = documents.follow(item)
    return target is not None and target.below("oneOf") is None and target.below("anyOf") is None
