"""A graph in three columns: actors, the operations that they call, the objects that these touch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

ROW, TOP, WIDTH, BOX = 32, 28, 900, 230
"""Units of the drawing."""


@dataclass(frozen=True, slots=True)
class Node:
    """One thing."""

    x: float
    """Left."""
    y: float
    """Top."""
    label: str
    """Name, cut to fit."""
    about: str
    """All of it, and how often."""
    link: str
    """Where it leads."""
    kind: str
    """`actor`, `operation` or `object`."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One thing that touches another."""

    path: str
    """Its curve."""
    width: float
    """Its width: how often."""
    bad: bool
    """Whether any of it was refused."""


@dataclass(frozen=True, slots=True)
class Graph:
    """The whole graph."""

    nodes: tuple[Node, ...]
    """Things."""
    edges: tuple[Edge, ...]
    """What joins them."""
    height: float
    """Units of the drawing."""
    columns: tuple[tuple[float, str], ...]
    """Where each column begins, and its heading."""
    left_out: int
    """Things for which there was no room."""
    width: int = WIDTH
    """Units of the drawing."""
    box: int = BOX
    """Width of a thing."""


COLUMNS = (("actor", "Actor", 0), ("operation", "Operation", (WIDTH - BOX) // 2), ("object", "Object", WIDTH - BOX))


def graph(rows: Sequence[Mapping[str, Any]], most: int = 14) -> Graph:
    """A graph of who called what on which object.

    Args:
        rows: each with `actor`, `api`, `operation`, `path`, `exchanges` and `refused`.
        most: things in one column at most, the busiest.
    """
    busy: dict[str, Counter[str]] = {kind: Counter() for kind, _, _ in COLUMNS}
    links: dict[tuple[str, str], str] = {}
    joins: dict[tuple[str, str, str, str], list[int]] = {}
    for row in rows:
        names = {"actor": row["actor"], "operation": row["operation"] or "not declared", "object": row["path"] or "?"}
        links[("actor", names["actor"])] = "/actor?" + urlencode({"id": names["actor"]})
        wanted = {"api": row["api"] or "", "id": row["operation"] or ""}
        links[("operation", names["operation"])] = "/operation?" + urlencode(wanted)
        links[("object", names["object"])] = "/pivot?" + urlencode({"value": names["object"]})
        for kind, name in names.items():
            busy[kind][name] += row["exchanges"]
        for one, other in (("actor", "operation"), ("operation", "object")):
            known = joins.setdefault((one, names[one], other, names[other]), [0, 0])
            known[0] += row["exchanges"]
            known[1] += row["refused"]
    places: dict[tuple[str, str], tuple[float, float]] = {}
    nodes: list[Node] = []
    tallest = max((min(len(found), most) for found in busy.values()), default=0)
    for kind, _, x in COLUMNS:
        chosen = [name for name, _ in busy[kind].most_common(most)]
        offset = (tallest - len(chosen)) * ROW / 2
        for number, name in enumerate(chosen):
            y = TOP + offset + number * ROW
            places[(kind, name)] = (x, y)
            about = f"{name}: {busy[kind][name]:,} calls"
            nodes.append(Node(x, y, _cut(name), about, links[(kind, name)], kind))
    edges = []
    heaviest = max((count for count, _ in joins.values()), default=1)
    for (one, name, other, target), (count, refused) in joins.items():
        if (one, name) in places and (other, target) in places:
            (start, y), (to, end) = places[(one, name)], places[(other, target)]
            begin, middle = start + BOX, (start + BOX + to) / 2
            curve = f"M{begin},{y + 12:.1f} C{middle},{y + 12:.1f} {middle},{end + 12:.1f} {to},{end + 12:.1f}"
            edges.append(Edge(curve, round(1 + 5 * count / heaviest, 1), refused > 0))
    left_out = sum(max(0, len(found) - most) for found in busy.values())
    columns = tuple((float(x), heading) for _, heading, x in COLUMNS)
    return Graph(tuple(nodes), tuple(edges), TOP + max(1, tallest) * ROW, columns, left_out)


def _cut(text: str, most: int = 28) -> str:
    return text if len(text) <= most else f"{text[: most - 12]}…{text[-11:]}"
