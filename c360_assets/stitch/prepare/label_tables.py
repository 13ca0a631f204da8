"""What people decided, as a tenant lands it: rows of tables tagged `sl/*` become pairs of records
that are one person, or are not.

Belongs here: which records a row names, which labels cannot be obeyed, and how that is said. What
a pair does to the matching is `score.labels`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

from c360_assets.semantics.normalize import clean_email
from c360_assets.stitch.connected_components import components
from c360_assets.stitch.prepare.configuration_tables import TagsOfColumns, tagged_rows
from c360_assets.stitch.prepare.trivial_duplicates import KEY_SEPARATOR
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Session

LABELS: TagsOfColumns = {
    "label_id": ("sl/label-id",),
    "partition_id": ("sl/partition-id",),
    "datasource": ("sl/datasource",),
    "semantic": ("sl/semantic",),
    "value": ("sl/value",),
}
ROW_SCHEMA = {"table": pl.String, **dict.fromkeys(LABELS, pl.String)}
PAIR_SCHEMA = {
    "label_id": pl.String,
    "source1": pl.String,
    "pk1": pl.String,
    "source2": pl.String,
    "pk2": pl.String,
    "same": pl.Boolean,
}
EVERYWHERE = ("*", "")  # a datasource that stands for all of them
PLAIN_ID = r"^[A-Za-z0-9_.:#/-]{1,40}$"
IDS_SHOWN = 5


@dataclass(frozen=True)
class LabelPairs:
    """`pairs`: label_id, source1, pk1, source2, pk2, same. `warnings`: what could not be obeyed,
    with counts and the ids of the labels."""

    pairs: pl.DataFrame
    warnings: list[str]


def label_rows(session: Session, tenant: Tenant) -> pl.DataFrame | None:
    """The rows of all label tables (`ROW_SCHEMA`), None where the tenant has no such table."""
    return tagged_rows(session, tenant, LABELS, table_column="table")


def label_pairs(
    rows: pl.DataFrame, records: pl.DataFrame, known_datasources: Collection[str]
) -> LabelPairs:
    """The pairs that the rows ask for.

    `rows`: `ROW_SCHEMA`; ids of labels are each table's own. `records`: rid, datasource, pk, email
    (lists) and fk_… as they are compared, sorted by rid. `known_datasources`: names of the stitched
    tables, also of those without records. Of each label the records of one partition are one
    person, those of two partitions are not; a label that cannot be obeyed is left out whole.
    """
    kept, warnings = _usable_rows(rows, records, known_datasources)
    named = _named_records(kept, records)
    if kept.height:
        found = named.select("row").unique()
        lost = kept.join(found, on="row", how="anti")
        what = "no record that is there"
        warnings += _warning(lost.height, "row names", "rows name", what, lost["label_id"])
    members = named.select("label", "label_id", "partition_id", "rid").unique()
    lone = _labels_with_one_row(rows, members)
    what = "one row, which asks for nothing"
    warnings += _warning(lone.height, "label has", "labels have", what, lone["label_id"])
    links = pl.concat([_must_links(members), _cannot_links(members)])
    links = links.sort("label", "rid1", "rid2")
    contradicting = _contradicting(links)
    warnings += _warning(
        contradicting.height,
        "label is ignored, as it holds",
        "labels are ignored, as they hold",
        "apart what labels say is one person",
        contradicting["label_id"],
    )
    links = links.join(contradicting, on="label", how="anti", maintain_order="left")
    return LabelPairs(_with_keys(links, records), warnings)


def _warning(
    count: int | str, one: str, several: str, what: str, label_ids: pl.Series
) -> list[str]:
    if not count:
        return []
    number = count if isinstance(count, str) else f"{count:,}"
    return [f"Stitch labels: {number} {one if count == 1 else several} {what}{_ids(label_ids)}"]


def _ids(label_ids: pl.Series) -> str:
    """The first ids, behind a colon; such as are none (a person's name) are not shown."""
    ids = label_ids.drop_nulls().unique().sort()
    shown = ids.filter(ids.str.contains(PLAIN_ID)).head(IDS_SHOWN).to_list()
    if not shown:
        return ""
    more = f" and {len(ids) - len(shown)} more" if len(ids) > len(shown) else ""
    return f": {', '.join(shown)}{more}"


def _usable_rows(
    rows: pl.DataFrame, records: pl.DataFrame, known_datasources: Collection[str]
) -> tuple[pl.DataFrame, list[str]]:
    """The rows that say something, numbered (`row`), with a name of their label of all tables
    (`label`); and what is wrong with the others."""
    sources = {name.partition(":")[0] for name in known_datasources}
    places = sorted({*known_datasources, *sources, *EVERYWHERE})
    semantics = ["pk", "email", *(column for column in records.columns if column[:3] == "fk_")]
    numbered = rows.with_columns(pl.col("datasource").fill_null("")).with_row_index("row")
    numbered = numbered.with_columns(
        semantic=pl.col("semantic").str.to_lowercase().str.replace_all("-", "_"),
        label=pl.concat_str("table", "label_id", separator="\x1f"),
    )
    is_partition = pl.col("partition_id").str.contains(r"^\+?0*[1-9]\d*(\.0+)?$")
    faults = {
        "lack a label id or a value": pl.any_horizontal(
            pl.col("label_id", "value").fill_null("") == ""
        ),
        "have no partition id from 1 on": ~is_partition.fill_null(False),
        "name a semantic that labels cannot (pk, email or a foreign key of a stitched table)": ~(
            pl.col("semantic").is_in(semantics).fill_null(False)
        ),
        "name a datasource that is not stitched": ~pl.col("datasource").is_in(places),
    }
    warnings: list[str] = []
    for what, is_fault in faults.items():
        faulty = numbered.filter(is_fault)
        if faulty.height:
            count = f"{faulty.height:,} of {rows.height:,}"
            warnings += _warning(count, "rows", "rows", what, faulty["label_id"])
        numbered = numbered.filter(~is_fault)
    whole_number = pl.col("partition_id").str.strip_chars_start("+").str.replace(r"\.0+$", "")
    return numbered.with_columns(partition_id=whole_number.cast(pl.Int64, strict=False)), warnings


def _named_records(rows: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """row, label, label_id, partition_id, rid: the records that each row names."""
    parts = []
    for (semantic,), of_semantic in rows.partition_by("semantic", as_dict=True).items():
        values = _values(records, str(semantic))
        if semantic == "email":
            wanted = of_semantic.with_columns(value=clean_email(pl.col("value")))
        elif semantic == "pk":
            wanted = of_semantic
        else:
            # Keys are compared in capitals, unless the tenant says otherwise.
            upper = of_semantic.with_columns(pl.col("value").str.to_uppercase())
            wanted = pl.concat([of_semantic, upper]).unique(["row", "value"])
        found = wanted.join(values, on="value", suffix="_of_record")
        place = pl.col("datasource")
        fits = (
            place.is_in(EVERYWHERE)
            | (place == pl.col("datasource_of_record"))
            | (place == pl.col("datasource_of_record").str.split(":").list.first())
        )
        parts.append(found.filter(fits).select("row", "label", "label_id", "partition_id", "rid"))
    empty = {"row": pl.UInt32, "label": pl.String, "label_id": pl.String}
    none = pl.DataFrame(schema={**empty, "partition_id": pl.Int64, "rid": records.schema["rid"]})
    return pl.concat([none, *parts], how="vertical_relaxed").unique()


def _values(records: pl.DataFrame, semantic: str) -> pl.DataFrame:
    """rid, datasource, value: every value of the semantic."""
    values = records.select("rid", "datasource", value=semantic)
    if semantic == "email":
        values = values.explode("value")
    elif semantic != "pk":
        values = values.with_columns(pl.col("value").str.split(KEY_SEPARATOR)).explode("value")
    return values.drop_nulls("value")


def _labels_with_one_row(rows: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """label, label_id of those with one row, but for a row that names several `members`."""
    label = pl.concat_str("table", "label_id", separator="\x1f").alias("label")
    counts = rows.select(label, "label_id").drop_nulls().group_by("label", "label_id").len()
    several = members.group_by("label").len().filter(pl.col("len") > 1)
    return counts.filter(pl.col("len") == 1).join(several, on="label", how="anti")


def _must_links(members: pl.DataFrame) -> pl.DataFrame:
    """Each record of a partition with the next one: label, label_id, rid1, rid2, same."""
    ordered = members.sort("label", "partition_id", "rid")
    linked = ordered.with_columns(
        rid1=pl.col("rid").shift().over("label", "partition_id"), same=pl.lit(True)
    )
    linked = linked.drop_nulls("rid1")
    return linked.select("label", "label_id", "rid1", rid2="rid", same="same")


def _cannot_links(members: pl.DataFrame) -> pl.DataFrame:
    """The first records of every two partitions of a label: the others are one person with them."""
    firsts = members.group_by("label", "label_id", "partition_id").agg(rid=pl.col("rid").min())
    crossed = firsts.join(firsts, on=["label", "label_id"], suffix="_other")
    crossed = crossed.filter(pl.col("partition_id") < pl.col("partition_id_other"))
    return crossed.select(
        "label",
        "label_id",
        rid1=pl.min_horizontal("rid", "rid_other"),
        rid2=pl.max_horizontal("rid", "rid_other"),
        same=pl.lit(False),
    )


def _contradicting(links: pl.DataFrame) -> pl.DataFrame:
    """label, label_id of those that hold apart two records that all labels together say are one
    person."""
    if not links.height:
        return links.select("label", "label_id")
    rids = pl.concat([links["rid1"], links["rid2"]]).unique().sort()
    one = np.searchsorted(rids.to_numpy(), links["rid1"].to_numpy())
    other = np.searchsorted(rids.to_numpy(), links["rid2"].to_numpy())
    same = links["same"].to_numpy()
    person = components(len(rids), one[same], other[same])
    torn = ~same & (person[one] == person[other])
    return links.filter(pl.Series(torn)).select("label", "label_id").unique()


def _with_keys(links: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    keys = records.select("rid", "datasource", "pk")
    for end in ("1", "2"):
        of_end = keys.rename({"rid": f"rid{end}", "datasource": f"source{end}", "pk": f"pk{end}"})
        links = links.join(of_end, on=f"rid{end}", how="left", maintain_order="left")
    return links.select(list(PAIR_SCHEMA)).cast(PAIR_SCHEMA)  # type: ignore[arg-type]
