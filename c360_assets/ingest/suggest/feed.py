"""`c360 feed suggest`: a feed's YAML proposed from a sample file, for a person to read and correct.

Here the proposal is put together. The sample comes from `sample`, its fields from `columns`, the
key from `primary_key`, the files' pattern from `pattern`; the YAML is written by `feed_page`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

import polars as pl

from c360_assets.errors import C360Error
from c360_assets.ingest.suggest.column import Column
from c360_assets.ingest.suggest.column_types import Inferred, missing_texts, without
from c360_assets.ingest.suggest.columns import describe_columns
from c360_assets.ingest.suggest.draft import Draft, place_of_feed
from c360_assets.ingest.suggest.feed_page import ERROR_PERCENT, UTC, written
from c360_assets.ingest.suggest.first_rows import filled_down, first_rows
from c360_assets.ingest.suggest.flatten import FlatTable, flat_tables, note_nested
from c360_assets.ingest.suggest.pattern import (
    below_landing,
    delivered,
    name_without_day,
    source_folder,
)
from c360_assets.ingest.suggest.primary_key import propose_primary_key
from c360_assets.ingest.suggest.sample import Sample, read_sample
from c360_assets.ingest.suggest.trial import Trial, try_feed
from c360_assets.semantics.countries import country_facts
from c360_assets.semantics.tables import all_tables
from c360_assets.semantics.tags import without_marks
from c360_assets.tenant.base_models import physical_name
from c360_assets.tenant.loader import read_files
from c360_assets.tenant.models import Tenant
from c360_assets.wording import counted

# Times that columns may be made texts and tried again.
MOST_CORRECTIONS = 3
TO_LOOK_AT = ("GUESSED:", "CHECK:", "left out", "taken off")


@dataclass(frozen=True)
class Proposal:
    """A feed proposed for files like one: its names, its YAML, and what trying it gave.

    `tagged` is the number of its fields that have a tag.
    """

    sample_name: str
    source: str
    feed: str
    pattern: str
    primary_key: list[str]
    tagged: int
    text: str
    trial: Trial
    tables: tuple[FlatTable, ...] = ()

    @property
    def path(self) -> Path:
        """Where the YAML belongs below the tenant's folder."""
        return place_of_feed(self.source, self.feed)

    @property
    def remarks(self) -> list[str]:
        """What its fields do not tell, and what its tables guess, cannot tell and leave out, as it
        stands there."""
        fields = [
            f"{self.path}: {line.partition('CHECK:')[0].split(':')[0].strip()}: "
            f"CHECK:{line.partition('CHECK:')[2]}"
            for line in self.text.splitlines()
            if line.startswith("  ") and "CHECK:" in line
        ]
        return fields + [
            f"{table.name}: {line.removeprefix('-- ')}"
            for table in self.tables
            for line in table.sql.splitlines()
            if line.startswith("-- ") and any(word in line for word in TO_LOOK_AT)
        ]


def propose_feed(
    path: Path, source: str | None = None, feed: str | None = None, *, flatten: bool = False
) -> Proposal:
    """The commented YAML of a feed for files like `path`, which passes `check` below `feeds/`, with
    the names and the trial's result.

    `source` and `feed` name it; by default the folder and the file do. Raises C360Error when no
    sample can be read. With `flatten` also the custom domain tables that make columns of nested
    fields; where persons are in one, it is stitched instead of the feed.
    """
    return proposal_of(draft_feed(path, source, feed), flatten=flatten)


def draft_feed(
    path: Path, source: str | None = None, feed: str | None = None, *, part: str | None = None
) -> Draft:
    """What is proposed for files like one, tried and not yet written; of a workbook or an archive
    for a `part` of it."""
    tenant = tenant_of(path)
    sample = read_sample(path, country=_country_of(tenant), part=part)
    if not sample.frame.columns:
        raise C360Error(f"{path}: has no column with a name")
    relative = below_landing(path)
    delivery = delivered(relative, sample.format)
    if delivery != relative:
        sample = _with_partition(sample, relative.parent.name)
    missing = missing_texts(sample.frame)
    sample = replace(sample, frame=without(sample.frame, missing))
    on_first_rows = first_rows(sample.frame)
    if on_first_rows is not None:
        sample = replace(sample, frame=filled_down(sample.frame, on_first_rows))
    day_first, country = day_comes_first(tenant), _country_of(tenant)
    columns = describe_columns(sample, country=country)
    note_nested(sample, columns)
    source = source or _title(source_folder(delivery)) or "My Source"
    feed = feed or feed_name(source, name_without_day(delivery))
    zone = tenant.config.timezone if tenant else UTC
    draft = Draft(
        path=path,
        relative=relative,
        delivery=delivery,
        source=source,
        feed=feed,
        sample=sample,
        columns=columns,
        missing=missing,
        day_first=day_first,
        zone=zone,
        country=country,
        first_rows=on_first_rows,
    )
    return tried(draft)


def tried(draft: Draft) -> Draft:
    """The draft with what loading its file gives; columns that are not of their type are texts."""
    trial = _try(draft)
    for _ in range(MOST_CORRECTIONS):
        if not _correct(draft.columns, trial):
            break
        trial = _try(draft)
    return replace(draft, trial=trial)


def proposal_of(draft: Draft, *, flatten: bool = False) -> Proposal:
    """The proposal that a tried draft makes."""
    sample, columns, trial = draft.sample, draft.columns, draft.trial
    assert trial is not None
    key = propose_primary_key(columns, sample.frame).columns
    tables = flat_tables(sample, columns, draft.name, key) if flatten else []
    flat_persons = next((table.name for table in tables if table.has_persons), None)
    draft = replace(draft, stitched_table=flat_persons)
    return Proposal(
        sample_name=draft.path.name,
        source=draft.source,
        feed=draft.feed,
        pattern=draft.pattern.pattern,
        primary_key=key,
        tagged=sum(bool(column.written_tags) for column in columns),
        text=written(draft, trial),
        trial=trial,
        tables=tuple(tables),
    )


def draft_of_table(draft: Draft, table: FlatTable) -> Draft:
    """A table that flattens a draft's feed as if it were a feed, of which tables can be made."""
    assert table.frame is not None
    sample = replace(draft.sample, frame=table.frame)
    source, _, feed = table.name.partition("_")
    return replace(draft, source=source, feed=feed, sample=sample, columns=list(table.columns))


def with_tables(proposal: Proposal, tables: Sequence[FlatTable]) -> Proposal:
    """The proposal with more custom domain tables."""
    return replace(proposal, tables=(*proposal.tables, *tables))


def _with_partition(sample: Sample, folder: str) -> Sample:
    """The sample with the column that its folder names; other folders may hold any text."""
    name, _, value = folder.partition("=")
    name = unquote(name)
    if name.lower() in (column.lower() for column in sample.frame.columns):
        return sample
    frame = sample.frame.with_columns(pl.lit(unquote(value)).alias(name))
    return replace(sample, frame=frame, types={**sample.types, name: "string"})


def tenant_of(path: Path) -> Tenant | None:
    """The tenant that the sample lies in; None where there is none, or it cannot be read."""
    folder = folder_of_tenant(path)
    return None if folder is None else read_files(folder).tenant


def folder_of_tenant(path: Path) -> Path | None:
    """The folder of the tenant that a file or a folder lies in."""
    folders = (path.resolve(), *path.resolve().parents)
    return next((folder for folder in folders if (folder / "tenant.yaml").is_file()), None)


def day_comes_first(tenant: Tenant | None) -> bool:
    """Whether dates begin with the day in the tenant's country."""
    return country_facts(_country_of(tenant)).first_in_dates == "day"


def _country_of(tenant: Tenant | None) -> str:
    """The ISO code of the country that the tenant is at home in, "" where none is known."""
    return (tenant.config.country or "") if tenant else ""


def _try(draft: Draft) -> Trial:
    text = written(draft, None)
    relative = draft.relative.as_posix()
    if draft.sample.trial is None:
        return try_feed(text, draft.path, relative)
    # The sampled text is neither packed nor in an archive.
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "sample"
        copy.write_bytes(draft.sample.trial)
        options = draft.sample.options.items()
        plain = {key: value for key, value in options if key not in ("compression", "contents")}
        draft = replace(draft, sample=replace(draft.sample, options=plain))
        return try_feed(written(draft, None), copy, relative.removesuffix(".gz"))


def _correct(columns: list[Column], trial: Trial) -> bool:
    """Make texts of the columns whose values are not of their type; whether there were any.

    A few wrong values are rejected and told, as the loader does; many mean another type.
    """
    allowed = trial.read * ERROR_PERCENT // 100
    corrected = False
    for column in columns:
        count = trial.cast_errors.get(column.name, 0)
        if count and trial.rejected > allowed:
            column.inferred = Inferred("string")
            column.tags = []
            column.notes = [
                f"{counted(count, 'value is', 'values are')} no {column.type} that can be read: "
                "it stays text"
            ]
            corrected = True
    return corrected


def feed_name(source: str, text: str) -> str:
    """What a feed is called after a text, longer where its table would be a documented one's."""
    feed = _title(text) or "Feed"
    documented = {name.lower() for name in all_tables()}
    is_taken = physical_name(f"{source}:{feed}").lower() in documented
    return f"{feed} Feed" if is_taken else feed


def _title(text: str) -> str:
    words = re.split(r"[^A-Za-z0-9]+", without_marks(text))
    return " ".join(word[:1].upper() + word[1:] for word in words if word)
