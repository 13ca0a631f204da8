"""Why two records, or two people, are one or are not; and why the records of one person are.

Reads a published database only. What a pair says and how records hang together is worked out by
`stitch.explain`; here it is asked for by names and printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from c360_assets.errors import C360Error
from c360_assets.reporting.plain_tables import plain_table
from c360_assets.reporting.profile import ids_like
from c360_assets.semantics.closest import closest, instead_of
from c360_assets.stitch.explain.pair import Meeting, PairEvidence, explain_pair
from c360_assets.stitch.explain.people import (
    Link,
    Step,
    links_between,
    links_inside,
    path,
    records_of,
    steps_between,
    strongest_tree,
)
from c360_assets.stitch.explain.records import PublishedStitch, Record
from c360_assets.tenant.base_models import physical_name
from c360_assets.wording import counted

LINKS = 3.0  # the score from which two records are likelier one person than not
SHOWN_LINKS = 30


@dataclass(frozen=True)
class ExplainedPair:
    """Why two records are one person or not, and the keys of `--json`.

    `verdict`: in one sentence. `path`: the links through other records of the person, where the two
    are one. `links`: the strongest pairs between two people. `notes`: what was followed or chosen.
    """

    one: str
    other: str
    amperity_id1: str
    amperity_id2: str
    verdict: str
    pair: PairEvidence
    path: list[Link] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def same_person(self) -> bool:
        return self.amperity_id1 == self.amperity_id2


@dataclass(frozen=True)
class ExplainedPerson:
    """Why the records of one id are one person.

    `links`: the strongest ones that hold all of them together, the weakest first.
    """

    amperity_id: str
    records: list[str]
    weakest: Link | None
    links: list[Link]
    steps: list[Step]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Asked:
    """What one argument names: a record, or a person of whom any record will do."""

    record: Record | None
    amperity_id: str
    notes: list[str]


def explain(con: Any, one: str, other: str | None) -> ExplainedPair | ExplainedPerson:
    """Explain a person, or a pair of records or people.

    A record is named `source/key`, a person by an amperity_id or its first eight characters. Raises
    C360Error for what the database does not hold, saying what became of it.
    """
    source = PublishedStitch(con)
    first = _asked(source, one)
    if other is None:
        return _person(source, first)
    second = _asked(source, other)
    return _pair(source, first, second)


def _asked(source: PublishedStitch, name: str) -> _Asked:
    if "/" in name:
        record = _record_named(source, name)
        return _Asked(record, record.amperity_id, [])
    wanted = name.lower()
    found = ids_like(source.con, "unified_coalesced", "amperity_id", wanted)
    if len(found) > 1:
        raise C360Error("several people's ids begin like this; give more characters")
    if found:
        return _Asked(None, found[0], [])
    return _follow(source, wanted)


def _record_named(source: PublishedStitch, name: str) -> Record:
    """The record `source/key`; a key may hold slashes."""
    datasource, _, pk = name.partition("/")
    record = source.record(datasource, pk)
    if record is not None:
        return record
    rows = source.con.execute(
        "SELECT change_type, amperity_id_prev, timestamp FROM unified_changes_pks "
        "WHERE datasource = ? AND pk = ? ORDER BY timestamp DESC LIMIT 1",
        [datasource, pk],
    ).fetchall()
    if rows and rows[0][0] == "deleted":
        _, id_then, moment = rows[0]
        raise C360Error(
            f"this record left on {moment:%Y-%m-%d}; it was one of the person {id_then}"
        )
    known = source.con.execute("SELECT DISTINCT datasource FROM unified_coalesced ORDER BY 1")
    names = [row[0] for row in known.fetchall()]
    if datasource not in names:
        raise C360Error(_no_such_source(source, datasource, names))
    raise C360Error(f"{datasource} holds no record with this key")


def _no_such_source(source: PublishedStitch, datasource: str, names: list[str]) -> str:
    """What a source that is not matched is: a table of the tenant all the same, or a slip."""
    loaded = source.con.execute(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'domain' AND table_name = ?",
        [physical_name(datasource)],
    ).fetchall()
    nearest = closest(datasource, names)
    if loaded and nearest is None:
        return (
            f"records of {datasource} are not matched themselves (stitch: false); ask for one of "
            f"a table that is, such as a custom table made of it: there are {', '.join(names)}"
        )
    return f"there is no source {datasource}; {instead_of(datasource, names)}"


def _follow(source: PublishedStitch, wanted: str) -> _Asked:
    """The person who holds most records of an ended id."""
    ended = ids_like(source.con, "stitch_id_redirects", "amperity_id", wanted)
    if len(ended) != 1:
        raise C360Error(
            "nobody has this amperity_id, and no record is named so; give an id, whole or its "
            "first eight characters, or a record as SOURCE:FEED/KEY"
        )
    rows = source.con.execute(
        "SELECT current_amperity_id, n_records, last_generation FROM stitch_id_redirects "
        "WHERE amperity_id = ? ORDER BY rank",
        [ended[0]],
    ).fetchall()
    generation = rows[0][2]
    if rows[0][0] is None:
        raise C360Error(
            f"this amperity_id ended after generation {generation}, and none of its records is left"
        )
    holders = ", ".join(f"{id} ({n})" for id, n, _ in rows)
    note = f"{ended[0]} ended after generation {generation}; its records are now with {holders}"
    return _Asked(None, rows[0][0], [note])


def _person(source: PublishedStitch, asked: _Asked) -> ExplainedPerson:
    records = records_of(source, asked.amperity_id)
    tree = strongest_tree(links_inside(source, asked.amperity_id))
    weakest_first = tree[::-1]
    merges = steps_between(source, asked.amperity_id, asked.amperity_id)
    return ExplainedPerson(
        asked.amperity_id,
        [record.name for record in records],
        weakest_first[0] if weakest_first else None,
        weakest_first,
        merges,
        asked.notes,
    )


def _pair(source: PublishedStitch, one: _Asked, other: _Asked) -> ExplainedPair:
    notes = [*one.notes, *other.notes]
    if one.amperity_id == other.amperity_id and (one.record is None or other.record is None):
        raise C360Error(
            f"both are the person {one.amperity_id}; `c360 explain {one.amperity_id[:8]}` says why"
        )
    if one.record is not None and one.record == other.record:
        raise C360Error("both are the same record; name two")
    first, second = _records_to_compare(source, one, other)
    if one.record is None or other.record is None:
        notes.append(f"of the two people, {first.name} and {second.name} are compared")
    evidence = explain_pair(source, first, second)
    if first.amperity_id == second.amperity_id:
        tree = strongest_tree(links_inside(source, first.amperity_id))
        links: list[Link] = []
        way = path(tree, first.name, second.name)
    else:
        links = links_between(source, first.amperity_id, second.amperity_id)
        way = []
    steps = steps_between(source, first.amperity_id, second.amperity_id)
    return ExplainedPair(
        first.name,
        second.name,
        first.amperity_id,
        second.amperity_id,
        _verdict(first, second, evidence, way, links, steps),
        evidence,
        way,
        links,
        steps,
        notes,
    )


def _records_to_compare(
    source: PublishedStitch, one: _Asked, other: _Asked
) -> tuple[Record, Record]:
    """The records that were named; of people, those of their strongest pair, else their first."""
    if one.record is not None and other.record is not None:
        return one.record, other.record
    ours = {record.name: record for record in _candidates(source, one)}
    theirs = {record.name: record for record in _candidates(source, other)}
    for link in links_between(source, one.amperity_id, other.amperity_id):
        for first, second in ((link.one, link.other), (link.other, link.one)):
            if first in ours and second in theirs:
                return ours[first], theirs[second]
    return next(iter(ours.values())), next(iter(theirs.values()))


def _candidates(source: PublishedStitch, asked: _Asked) -> list[Record]:
    return [asked.record] if asked.record is not None else records_of(source, asked.amperity_id)


def _verdict(
    one: Record,
    other: Record,
    evidence: PairEvidence,
    way: Sequence[Link],
    links: Sequence[Link],
    steps: Sequence[Step],
) -> str:
    if one.amperity_id == other.amperity_id:
        return _why_one_person(evidence, way)
    return _why_two_people(evidence, links, steps)


def _why_one_person(evidence: PairEvidence, way: Sequence[Link]) -> str:
    if evidence.is_trivial_duplicate:
        return "One person: the two say the same, and were compared as one record."
    if evidence.score >= LINKS and evidence.decided_by != "model":
        return f"One person: decided by {evidence.decided_by}, score {evidence.score:.2f}."
    if evidence.score >= LINKS:
        return f"One person: the two score {evidence.score:.2f} ({evidence.category})."
    if len(way) > 1:
        weakest = min(way, key=lambda link: link.score)
        through = len(way) - 1
        return (
            f"One person through {counted(through, 'other record')}; the weakest "
            f"link on the way is {weakest.one} and {weakest.other}, score {weakest.score:.2f}. "
            f"By themselves the two score {evidence.score:.2f}."
        )
    return (
        f"One person, although the two score {evidence.score:.2f} ({evidence.category}): see the "
        "steps of the clustering."
    )


def _why_two_people(evidence: PairEvidence, links: Sequence[Link], steps: Sequence[Step]) -> str:
    if evidence.decided_by not in ("model", "trivial_duplicate") and evidence.score < LINKS:
        return (
            f"Two people: decided by {evidence.decided_by}, score {evidence.score:.2f} (the model "
            f"alone {evidence.model_score:.2f})."
        )
    return (
        _why_refused(steps)
        or _why_no_link(evidence, links)
        or f"Two people: the two score {evidence.score:.2f} ({evidence.category}), below the cut."
    )


def _why_refused(steps: Sequence[Step]) -> str:
    """What the last refusal of the clustering says; empty where nothing was refused."""
    refused = [step for step in steps if step.action == "refused"]
    if not refused:
        return ""
    last = refused[-1]
    if last.field == "mean log-odds":
        return (
            "Two people: joining their groups of records was refused, as the mean over all pairs "
            f"between them is {last.evidence:.2f}, below the cut."
        )
    return f"Two people: a conflict of {last.field} keeps their groups apart."


def _why_no_link(evidence: PairEvidence, links: Sequence[Link]) -> str:
    """Why the pair itself never was a link; empty where its score says it."""
    if evidence.vetoes:
        fields = ", ".join(evidence.vetoes)
        return f"Two people: {fields} is in conflict; the two score {evidence.score:.2f}."
    if not evidence.met and not links:
        return f"Two people: the two never met in a block, and would score {evidence.score:.2f}."
    return ""


def render_explanation(explained: ExplainedPair | ExplainedPerson, console: Console) -> None:
    """Print the page."""
    for note in explained.notes:
        console.print(Text(note, style="yellow"))
    if isinstance(explained, ExplainedPerson):
        _render_person(explained, console)
    else:
        _render_pair(explained, console)


def _render_person(person: ExplainedPerson, console: Console) -> None:
    n_records = len(person.records)
    title = f"{person.amperity_id}: {counted(n_records, 'record')}"
    console.print(Text(title, style="bold"))
    if person.weakest is None:
        console.print("It stands alone: no pair links it to another record.")
        return
    weakest = person.weakest
    console.print(
        Text(
            f"The weakest link: {weakest.one} and {weakest.other}, score {weakest.score:.2f}, "
            f"decided by {weakest.decided_by}"
        )
    )
    console.print(_links_table("\nWhat holds them together, the weakest first", person.links))
    _render_steps(person.steps, console)


def _render_pair(explained: ExplainedPair, console: Console) -> None:
    console.print(Text(explained.verdict, style="bold"))
    for name, id in (
        (explained.one, explained.amperity_id1),
        (explained.other, explained.amperity_id2),
    ):
        console.print(Text(f"  {name}  {id}", style="dim"))
    pair = explained.pair
    named = [label for label in pair.labels if label]
    if named:
        console.print(Text(f"by the label{'s' if len(named) > 1 else ''} {', '.join(named)}"))
    if pair.evidence:
        console.print(_evidence_table(pair))
    if pair.vetoes:
        console.print(Text(f"in conflict: {', '.join(pair.vetoes)}", style="red"))
    if pair.meetings:
        console.print(_meetings_table(pair.meetings))
    if len(explained.path) > 1:
        console.print(_links_table("\nThe path between them", explained.path))
    if explained.links:
        console.print(_links_table("\nPairs between the two people", explained.links))
    _render_steps(explained.steps, console)


def _evidence_table(pair: PairEvidence) -> Table:
    title = (
        f"\nEvidence: {pair.log_odds:+.2f} log-odds, model score {pair.model_score:.2f}, "
        f"score {pair.score:.2f} decided by {pair.decided_by}"
    )
    table = _table(title, ("field", "level"), ("bits",))
    for item in pair.evidence:
        if item.level or abs(item.bits) > 1e-9:
            table.add_row(Text(item.field), Text(item.label), f"{item.bits:+.2f}")
    table.add_row("sum", "", f"{sum(item.bits for item in pair.evidence):+.2f}", style="bold")
    return table


def _meetings_table(meetings: Iterable[Meeting]) -> Table:
    table = _table("\nWhere they could meet", ("strategy", ""), ())
    for meeting in sorted(meetings, key=lambda one: not one.met):
        outcome = Text(f"met {meeting.reason}".strip(), style="green")
        if not meeting.met:
            outcome = Text(meeting.reason, style="dim")
        table.add_row(meeting.strategy, outcome)
    return table


def _links_table(title: str, links: Sequence[Link]) -> Table:
    table = _table(title, ("record", "record", "decided by"), ("score", "model"))
    for link in links[:SHOWN_LINKS]:
        model = "" if link.model_score is None else f"{link.model_score:.2f}"
        row = (Text(link.one), Text(link.other), Text(link.decided_by))
        table.add_row(*row, f"{link.score:.2f}", model)
    if len(links) > SHOWN_LINKS:
        table.add_row(f"… {len(links) - SHOWN_LINKS} more; --json lists all")
    return table


def _render_steps(steps: Sequence[Step], console: Console) -> None:
    if not steps:
        return
    table = _table("\nSteps of the clustering", ("", "group", "group", "because of"), ("mean",))
    for step in steps[:SHOWN_LINKS]:
        row = (step.action, Text(step.one), Text(step.other), Text(step.field or ""))
        table.add_row(*row, f"{step.evidence:.2f}")
    console.print(table)


def _table(title: str, columns: Iterable[str], numbers: Iterable[str]) -> Table:
    table = plain_table(title)
    for name in columns:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table
