"""The GraphQL of an API as the plan of it (`crates/model/src/plan/graphql.rs`)."""

from pathlib import Path
from typing import Any

from stockade.config.graphql import Graphql
from stockade.config.sources import Sources
from stockade.prevent.inventory.graphql.documents import read_documents
from stockade.prevent.inventory.graphql.problem import GraphqlError
from stockade.prevent.inventory.graphql.schema import GraphqlSchema, read_schema


def graphql_plan(
    graphql: Graphql, base_path: str, api: str, sources: Sources
) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """The plan, and the files it was made from.

    Args:
        graphql: the settings.
        base_path: base path of the API.
        api: name of the API.
        sources: places of settings.

    Raises:
        GraphqlError: a schema or document cannot be used, or a setting names a field that there is not.
    """
    schema = read_schema(graphql.sdl) if graphql.sdl else None
    allow, files = read_documents(graphql.allow) if graphql.allow else (None, ())
    if schema is not None:
        _refuse_unknown(graphql, schema, api, sources)
    below = "" if base_path == "/" else base_path
    plan = {
        "paths": [below + path for path in graphql.paths],
        "depth": graphql.depth,
        "aliases": graphql.aliases,
        "root_fields": graphql.root_fields,
        "batch": graphql.batch,
        "cost": graphql.cost,
        "words": graphql.words,
        "list_size": graphql.list_size,
        "size_arguments": list(graphql.size_arguments),
        "introspection": graphql.introspection,
        "allow": allow,
        "schema": schema.to_plan(graphql.costs) if schema else None,
        "fields": [
            {
                "fields": _expanded(rule.fields, schema),
                "roles": list(rule.roles),
                "scopes": list(rule.scopes),
            }
            for rule in graphql.fields
        ],
    }
    return plan, (*files, *((graphql.sdl,) if graphql.sdl else ()))


def _expanded(fields: tuple[str, ...], schema: GraphqlSchema | None) -> list[str]:
    if schema is None:
        return list(fields)
    return list(dict.fromkeys(name for field in fields for name in schema.with_interfaces(field)))


def _refuse_unknown(graphql: Graphql, schema: GraphqlSchema, api: str, sources: Sources) -> None:
    steps = ("apis", api, "contract", "graphql")
    named: list[tuple[tuple[str | int, ...], str]] = [
        (("fields", index, "fields", place), field)
        for index, rule in enumerate(graphql.fields)
        for place, field in enumerate(rule.fields)
    ]
    named += [(("costs", field), field) for field in graphql.costs]
    hint = "write `TYPE.FIELD` with a type and a field of `sdl`"
    problems = [
        sources.problem((*steps, *below), "expected a field of the schema", hint, got=field)
        for below, field in named
        if not schema.has(field)
    ]
    if problems:
        raise GraphqlError(problems)
