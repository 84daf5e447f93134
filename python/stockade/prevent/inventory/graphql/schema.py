"""A GraphQL schema (SDL) as the gateway needs it: types, fields, arguments, and what they cost."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    build_ast_schema,
    parse,
    value_from_ast_untyped,
)

from stockade.prevent.inventory.graphql.problem import from_library, read_text, wrong

_MOST_TYPES = 20_000


@dataclass(frozen=True, slots=True)
class GraphqlField:
    """One field of a type."""

    kind: str
    """Its type, without list and non-null."""
    is_list: bool
    """Whether it is a list."""
    cost: int
    """Points; `@cost(weight: 5)` in the schema."""
    arguments: tuple[str, ...]
    """Names of its arguments."""
    size_arguments: tuple[str, ...]
    """Arguments that bound the list; `@listSize(slicingArguments: ["first"])`."""
    list_size: int | None
    """Entries when none of them is given; `@listSize(assumedSize: 10)`."""

    def to_plan(self) -> dict[str, Any]:
        """As in `GraphqlFieldPlan`."""
        return {
            "kind": self.kind,
            "list": self.is_list,
            "cost": self.cost,
            "arguments": list(self.arguments),
            "size_arguments": list(self.size_arguments),
            "list_size": self.list_size,
        }


@dataclass(frozen=True, slots=True)
class GraphqlSchema:
    """A schema."""

    file: Path
    """Where it stands."""
    query: str | None
    """Type of queries."""
    mutation: str | None
    """Type of mutations."""
    subscription: str | None
    """Type of subscriptions."""
    types: Mapping[str, Mapping[str, GraphqlField]]
    """Fields by type: objects, interfaces, and unions, which have none."""
    interfaces: Mapping[str, tuple[str, ...]]
    """The interfaces of each object type."""

    def has(self, field: str) -> bool:
        """Whether there is a field `TYPE.FIELD`; either side may be `*`."""
        kind, _, name = field.partition(".")
        kinds = self.types.values() if kind == "*" else [self.types.get(kind)]
        return any(fields is not None and (name == "*" or name in fields) for fields in kinds)

    def with_interfaces(self, field: str) -> tuple[str, ...]:
        """A field, and the fields of interfaces through which it can be read as well."""
        kind, _, name = field.partition(".")
        above = (
            interface for interface in self.interfaces.get(kind, ()) if name == "*" or name in self.types[interface]
        )
        return field, *(f"{interface}.{name}" for interface in above)

    def to_plan(self, costs: Mapping[str, int]) -> dict[str, Any]:
        """As in `GraphqlSchemaPlan`.

        Args:
            costs: points of single fields, by `TYPE.FIELD`, in place of those of the schema.
        """

        def plan(kind: str, name: str, field: GraphqlField) -> dict[str, Any]:
            cost = next((costs[key] for key in (f"{kind}.{name}", f"*.{name}", f"{kind}.*") if key in costs), None)
            return (field if cost is None else replace(field, cost=cost)).to_plan()

        types = {
            kind: {name: plan(kind, name, field) for name, field in fields.items()}
            for kind, fields in self.types.items()
        }
        roots = {"query": self.query, "mutation": self.mutation, "subscription": self.subscription}
        return {**roots, "types": types}


def read_schema(file: Path) -> GraphqlSchema:
    """Read a schema.

    Args:
        file: SDL; directives that it does not define are let be.

    Raises:
        GraphqlError: it cannot be read, or is no schema.
    """
    text = read_text(file)
    try:
        schema = build_ast_schema(parse(text), assume_valid_sdl=True)
    except GraphQLError as error:
        raise from_library(file, error) from error
    except (TypeError, RecursionError) as error:
        raise wrong(file, f"expected a GraphQL schema ({str(error)[:200].rstrip('.')})") from error
    if schema.query_type is None and schema.mutation_type is None:
        raise wrong(file, "expected a schema with a type `Query` or `Mutation`")
    types = {name: kind for name, kind in schema.type_map.items() if not name.startswith("__")}
    if len(types) > _MOST_TYPES:
        raise wrong(file, f"expected at most {_MOST_TYPES} types", "more")
    composite = (GraphQLObjectType, GraphQLInterfaceType)
    return GraphqlSchema(
        file=file,
        query=_name(schema.query_type),
        mutation=_name(schema.mutation_type),
        subscription=_name(schema.subscription_type),
        types={
            name: {field: _field(one) for field, one in kind.fields.items()} if isinstance(kind, composite) else {}
            for name, kind in types.items()
            if isinstance(kind, (*composite, GraphQLUnionType))
        },
        interfaces={
            name: tuple(interface.name for interface in kind.interfaces)
            for name, kind in types.items()
            if isinstance(kind, composite)
        },
    )


def _name(kind: GraphQLObjectType | None) -> str | None:
    return kind.name if kind else None


def _field(field: GraphQLField) -> GraphqlField:
    kind: Any = field.type
    is_list = False
    while isinstance(kind, GraphQLList | GraphQLNonNull):
        is_list = is_list or isinstance(kind, GraphQLList)
        kind = kind.of_type
    cost, size = _directive(field, "cost"), _directive(field, "listSize")
    names = size.get("slicingArguments")
    assumed = size.get("assumedSize")
    return GraphqlField(
        kind=kind.name,
        is_list=is_list,
        cost=_points(cost.get("weight")),
        arguments=tuple(field.args),
        size_arguments=tuple(str(name).split(".")[0] for name in names) if isinstance(names, list) else (),
        list_size=assumed if isinstance(assumed, int) and 0 < assumed < 2**32 else None,
    )


def _directive(field: GraphQLField, name: str) -> dict[str, Any]:
    for directive in (field.ast_node.directives if field.ast_node else None) or ():
        if directive.name.value == name:
            return {
                argument.name.value: value_from_ast_untyped(argument.value) for argument in directive.arguments or ()
            }
    return {}


def _points(weight: Any) -> int:
    """Weights are numbers written as strings; a part of a point is a whole one."""
    try:
        return max(0, min(2**32 - 1, -int(-float(weight) // 1)))
    except (TypeError, ValueError, OverflowError):
        return 1
