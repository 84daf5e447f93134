"""The gRPC of an API as the plan of it (`crates/model/src/plan/grpc.rs`)."""

from typing import Any

from stockade.config.grpc import Grpc
from stockade.config.sources import Sources
from stockade.model.problem import Problem
from stockade.prevent.inventory.grpc.descriptors import Descriptors, Method, read


def grpc_plan(grpc: Grpc, api: str, sources: Sources) -> tuple[dict[str, Any], list[Problem]]:
    """The plan, and the settings that name methods which there are not.

    Raises:
        GrpcError: the descriptor set cannot be used.
    """
    found = read(grpc.descriptors)
    problems = [
        sources.problem(
            ("apis", api, "contract", "grpc", "methods", index),
            "expected a method or service of the descriptor set",
            "write `package.Service/Method`, `package.Service/*` or `*`",
            got=name,
        )
        for index, name in enumerate(grpc.methods)
        if not any(_fits(name, method) for method in found.methods)
    ]
    methods = [method for method in found.methods if any(_fits(name, method) for name in grpc.methods)]
    plan = {
        "methods": {
            method.path: {"input": method.input, "client_streaming": method.client_streaming} for method in methods
        },
        "messages": _reachable(found, [method.input for method in methods]),
        "message_bytes": grpc.message.bytes,
        "depth": grpc.depth,
        "values": grpc.values,
        "unknown_fields": grpc.unknown_fields,
    }
    return plan, problems


def _fits(name: str, method: Method) -> bool:
    service, _, rest = name.partition("/")
    path = method.path.removeprefix("/")
    return name == "*" or name == path or (rest == "*" and path.startswith(f"{service}/"))


def _reachable(found: Descriptors, names: list[str]) -> dict[str, Any]:
    """Message types that callers may send, with all that stand in them."""
    reached: dict[str, Any] = {}
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in reached:
            continue
        reached[name] = found.messages[name]
        todo.extend(field["message"] for field in reached[name]["fields"].values() if field["message"])
    return reached
