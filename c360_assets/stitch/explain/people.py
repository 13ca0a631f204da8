"""How records hang together: the links of a person, the path between two records, the weakest link,
and what kept two people apart.

Read from the published score tables and the log of clustering. What a single pair says is `pair`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from c360_assets.stitch.explain.records import PublishedStitch, Record


@dataclass(frozen=True)
class Link:
    """A scored pair of records, named `source/key`."""

    one: str
    other: str
    score: float
    model_score: float | None
    decided_by: str

    @property
    def ends(self) -> frozenset[str]:
        return frozenset((self.one, self.other))


@dataclass(frozen=True)
class Step:
    """A step of the clustering: two groups, named by their smallest records, merged or refused."""

    one: str
    other: str
    action: str
    field: str | None
    evidence: float


def records_of(source: PublishedStitch, amperity_id: str) -> list[Record]:
    """The records of a person, by key."""
    rows = source.con.execute(
        "SELECT datasource, pk, amperity_id, rep_ds, rep_pk FROM unified_coalesced "
        "WHERE amperity_id = ? ORDER BY datasource, pk",
        [amperity_id],
    ).fetchall()
    return [Record(*row) for row in rows]


def links_inside(source: PublishedStitch, amperity_id: str) -> list[Link]:
    """The scored pairs of a person, the strongest first.

    Where unified_scores is switched off, they are those of stitch_scores.
    """
    columns = "source1, pk1, source2, pk2, score, model_score, decided_by"
    order = "ORDER BY score DESC, source1, pk1, source2, pk2"
    inside = source.con.execute(
        f"SELECT {columns} FROM unified_scores WHERE amperity_id = ? {order}", [amperity_id]
    ).fetchall()
    if not inside:
        inside = source.con.execute(
            f"SELECT {columns} FROM stitch_scores WHERE amperity_id1 = ? AND amperity_id2 = ? "
            f"{order}",
            [amperity_id, amperity_id],
        ).fetchall()
    return [_link(row) for row in inside]


def links_between(source: PublishedStitch, one: str, other: str) -> list[Link]:
    """The scored pairs between two people, the strongest by the model first."""
    rows = source.con.execute(
        "SELECT source1, pk1, source2, pk2, score, model_score, decided_by FROM stitch_scores "
        "WHERE (amperity_id1 = $one AND amperity_id2 = $other) "
        "OR (amperity_id1 = $other AND amperity_id2 = $one) "
        "ORDER BY model_score DESC, source1, pk1, source2, pk2",
        {"one": one, "other": other},
    ).fetchall()
    return [_link(row) for row in rows]


def _link(row: Sequence[Any]) -> Link:
    source1, pk1, source2, pk2, score, model_score, decided_by = row
    return Link(f"{source1}/{pk1}", f"{source2}/{pk2}", score, model_score, decided_by)


def steps_between(source: PublishedStitch, one: str, other: str) -> list[Step]:
    """The steps of the clustering between records that are these two people in the end; merges of
    one person with `one` twice."""
    rows = source.con.execute(
        "SELECT source1, pk1, source2, pk2, action, field, evidence FROM stitch_decisions "
        "WHERE (amperity_id1 = $one AND amperity_id2 = $other) "
        "OR (amperity_id1 = $other AND amperity_id2 = $one)",
        {"one": one, "other": other},
    ).fetchall()
    return [
        Step(f"{source1}/{pk1}", f"{source2}/{pk2}", action, field, evidence)
        for source1, pk1, source2, pk2, action, field, evidence in rows
    ]


def strongest_tree(links: Iterable[Link]) -> list[Link]:
    """The links that hold all records together by the strongest ones: a maximum spanning tree.

    `links`: the strongest first.
    """
    group: dict[str, str] = {}

    def find(name: str) -> str:
        group.setdefault(name, name)
        while group[name] != name:
            group[name] = group[group[name]]
            name = group[name]
        return name

    tree = []
    for link in links:
        one, other = find(link.one), find(link.other)
        if one != other:
            group[max(one, other)] = min(one, other)
            tree.append(link)
    return tree


def path(tree: Iterable[Link], start: str, end: str) -> list[Link]:
    """The links of the tree from one record to another; empty where it does not connect them."""
    neighbours: dict[str, list[Link]] = {}
    for link in tree:
        for name in link.ends:
            neighbours.setdefault(name, []).append(link)
    came_by: dict[str, Link | None] = {start: None}
    waiting = [start]
    while waiting and end not in came_by:
        name = waiting.pop(0)
        for link in neighbours.get(name, []):
            (next_name,) = link.ends - {name}
            if next_name not in came_by:
                came_by[next_name] = link
                waiting.append(next_name)
    found: list[Link] = []
    name = end
    while (last := came_by.get(name)) is not None:
        found.append(last)
        (name,) = last.ends - {name}
    return found[::-1]
