"""Proposals for all files of a landing folder, and writing them.

One proposal for each pattern: files of several days are one feed. What a proposal says is for
`feed`, which feeds name the same customers for `links`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from c360_assets.errors import C360Error
from c360_assets.ingest.suggest.deliveries import join_deliveries
from c360_assets.ingest.suggest.draft import Draft
from c360_assets.ingest.suggest.feed import Proposal, draft_feed, proposal_of, with_tables
from c360_assets.ingest.suggest.flatten import FlatTable
from c360_assets.ingest.suggest.links import with_links
from c360_assets.ingest.suggest.name_order import find_name_orders
from c360_assets.ingest.suggest.opt_tables import note_consent, note_unsure_consent, opt_tables_of
from c360_assets.ingest.suggest.order_notes import (
    note_lines_without_order,
    note_sales_without_table,
)
from c360_assets.ingest.suggest.order_tables import (
    mark_heads,
    note_sales_said_twice,
    note_states,
    order_tables,
    purchases_in,
)
from c360_assets.ingest.suggest.other_persons import note_other_persons
from c360_assets.ingest.suggest.pattern import below_landing
from c360_assets.semantics.tags import without_marks
from c360_assets.tenant.files import FilePattern
from c360_assets.tenant.new_files import write_new_files
from c360_assets.tenant.schemas import write_schemas

NO_DELIVERY = ("readme", "thumbs.db", "_success")


@dataclass(frozen=True)
class FolderProposals:
    """The proposals of a folder, and the files that none could be made for, with the reason."""

    proposals: list[Proposal]
    unread: dict[str, str]


def propose_folder(
    folder: Path, source: str | None = None, *, flatten: bool = False
) -> FolderProposals:
    """A proposal for each kind of file below `folder`, made from its newest one by name.

    `source` names the source of all of them; by default each file's folder does.
    """
    drafts: list[Draft] = []
    unread: dict[str, str] = {}
    taken_names: set[str] = set()
    for path in sorted(_files_below(folder), reverse=True):
        relative = below_landing(path).as_posix()
        if any(_takes(draft, relative) for draft in drafts):
            continue
        try:
            draft = draft_feed(path, source)
            if draft.name.lower() in taken_names:
                draft = draft_feed(path, source, f"{draft.feed} {path.suffix[1:]}")
        except C360Error as error:
            unread[str(path.relative_to(folder))] = str(error).removeprefix(f"{path}: ")
            continue
        taken_names.add(draft.name.lower())
        drafts.append(draft)
        for part in draft.sample.other_parts:
            try:
                other = draft_feed(path, source, f"{draft.feed} {_plain(part)}", part=part)
            except C360Error as error:
                place = f"{path.relative_to(folder)}, part {part}"
                unread[place] = str(error).removeprefix(f"{path}: ")
                continue
            taken_names.add(other.name.lower())
            drafts.append(other)
    proposals = _proposals(join_deliveries(drafts[::-1]), flatten=flatten)
    return FolderProposals(proposals, dict(sorted(unread.items())))


def _plain(part: str) -> str:
    """The name of a sheet or a member as a part of a feed's."""
    stem = re.sub(r"(\.[A-Za-z]{2,7})+$", "", without_marks(part))
    return re.sub(r"[^A-Za-z0-9]+", " ", stem).strip().title() or "Part"


def propose_file(
    path: Path, source: str | None = None, feed: str | None = None, *, flatten: bool = False
) -> Proposal:
    """The proposal for files like one, with all tables that can be made of it alone."""
    (proposal,) = _proposals([draft_feed(path, source, feed)], flatten=flatten)
    return proposal


def _proposals(drafts: list[Draft], *, flatten: bool) -> list[Proposal]:
    if flatten:
        mark_heads(drafts)
    drafts = with_links(drafts)
    find_name_orders(drafts)
    tables: dict[str, FlatTable] = {}
    if flatten:
        drafts, tables = order_tables(drafts)
        note_sales_said_twice(drafts)
        note_sales_without_table(drafts, tables)
    note_lines_without_order(drafts)
    proposals = []
    for draft in drafts:
        if draft.name not in tables:
            note_states(draft)
        if not flatten:
            note_consent(draft)
        note_unsure_consent(draft)
        note_other_persons(draft)
        more = [tables[draft.name]] if draft.name in tables else []
        proposal = proposal_of(draft, flatten=flatten)
        if flatten:
            flat = purchases_in(proposal.tables, draft)
            if len(flat) > len(proposal.tables):
                more = []  # what is nested says of the same purchases more
            proposal = replace(proposal, tables=tuple(flat))
            more += opt_tables_of(draft, proposal.tables)
        proposals.append(with_tables(proposal, more))
    return proposals


def _files_below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not _is_of_no_delivery(name)]
        for name in files:
            if not _is_of_no_delivery(name):
                yield Path(root) / name


def _is_of_no_delivery(name: str) -> bool:
    return name.startswith((".", "__MACOSX")) or name.lower().startswith(NO_DELIVERY)


def _takes(draft: Draft, relative: str) -> bool:
    # A folder of Parquet files is taken whole.
    fit = FilePattern(draft.pattern.pattern).fits(relative, relative.endswith(".parquet"))
    return fit is not None


def write_proposal(proposal: Proposal, tenant: Path) -> list[Path]:
    """Write a proposal, and the tables that flatten it, below the tenant's folder.

    Raises C360Error where one of the files is there already; all are kept, and none is written.
    """
    texts = {proposal.path: proposal.text}
    for table in proposal.tables:
        texts |= table.files
    for path in texts:
        if (tenant / path).exists():
            problem = "is there already and was kept; remove it, or propose without --write"
            raise C360Error(f"{tenant / path}: {problem}")
    write_schemas(tenant)
    return write_new_files(tenant, texts)
