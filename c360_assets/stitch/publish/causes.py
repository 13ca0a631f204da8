"""Why a record has another id than before: one cause for each row of `unified_changes_pks`.

A record that came or went says so itself. Of one that moved, the first of these holds: a label in
its component is new or gone; a record of its component came, changed or went; a setting changed;
the model was fitted anew; none of them, then a value became more or less common. What happened in
its own component goes before what holds for all: a setting that was changed on a day would else be
the cause of all that its deliveries moved. What moved is `identity_changes`.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

KEYS = ["datasource", "pk"]
LABEL_CHANGED = "label"
SETTING_CHANGED = "setting"
REFITTED = "refit"
RECORD_ADDED = "record_added"
RECORD_CHANGED = "record_changed"
RECORD_DELETED = "record_deleted"
CONTEXT = "context"
CAUSES = (
    LABEL_CHANGED,
    SETTING_CHANGED,
    REFITTED,
    RECORD_ADDED,
    RECORD_CHANGED,
    RECORD_DELETED,
    CONTEXT,
)
LABEL_PAIR = ["source1", "pk1", "source2", "pk2", "same"]


@dataclass(frozen=True)
class Generation:
    """What a generation was made of, as far as causes are told by it.

    `records`: datasource, pk, component_id, content (any value that changes with what the record
    holds). `labels`: source1, pk1, source2, pk2, same. `settings`: a digest of all that people set.
    """

    records: pl.DataFrame
    labels: pl.DataFrame | None
    settings: str


def with_causes(
    pks: pl.DataFrame, now: Generation, before: Generation | None, *, refitted: bool
) -> pl.DataFrame:
    """The rows of `pks` (datasource, pk, change_type, …) in their order with `cause`."""
    own = pl.col("change_type")
    came_or_went = (
        pl.when(own == "added")
        .then(pl.lit(RECORD_ADDED))
        .when(own == "deleted")
        .then(pl.lit(RECORD_DELETED))
    )
    if before is None or not pks.filter(own == "updated").height:
        return pks.with_columns(cause=came_or_went)
    touched = _touched(pks.select(KEYS), now, before)
    settings_changed = before.settings != now.settings
    moved = (
        pl.when("label")
        .then(pl.lit(LABEL_CHANGED))
        .when("added")
        .then(pl.lit(RECORD_ADDED))
        .when("changed")
        .then(pl.lit(RECORD_CHANGED))
        .when("deleted")
        .then(pl.lit(RECORD_DELETED))
        .when(pl.lit(settings_changed))
        .then(pl.lit(SETTING_CHANGED))
        .when(pl.lit(refitted))
        .then(pl.lit(REFITTED))
        .otherwise(pl.lit(CONTEXT))
    )
    cause = pl.coalesce(came_or_went, moved)
    return pks.hstack(touched).with_columns(cause=cause).drop(touched.columns)


def _touched(keys: pl.DataFrame, now: Generation, before: Generation) -> pl.DataFrame:
    """Per row of `keys` whether its component, now or before, holds a record that was labelled
    otherwise, came, changed or went: columns label, added, changed, deleted."""
    earlier = before.records.select(
        *KEYS, component_before="component_id", content_before="content"
    )
    both = now.records.join(earlier, on=KEYS, how="full", coalesce=True)
    labelled = _newly_labelled(now.labels, before.labels)
    both = both.join(labelled, on=KEYS, how="left").with_columns(
        label=pl.col("label").fill_null(False),
        added=pl.col("content_before").is_null(),
        deleted=pl.col("content").is_null(),
        changed=(pl.col("content") != pl.col("content_before")).fill_null(False),
    )
    facts = ["label", "added", "changed", "deleted"]
    by_now = both.group_by("component_id").agg(pl.col(facts).any()).drop_nulls("component_id")
    by_before = both.group_by("component_before").agg(pl.col(facts).any())
    rows = keys.join(
        both.select(*KEYS, "component_id", "component_before"),
        on=KEYS,
        how="left",
        maintain_order="left",
    )
    in_now = rows.join(by_now, on="component_id", how="left", maintain_order="left")
    in_before = rows.join(by_before, on="component_before", how="left", maintain_order="left")
    return pl.DataFrame(
        [in_now[fact].fill_null(False) | in_before[fact].fill_null(False) for fact in facts]
    )


def _newly_labelled(now: pl.DataFrame | None, before: pl.DataFrame | None) -> pl.DataFrame:
    """datasource, pk, label: the records of label pairs that are new or gone."""
    none = pl.DataFrame(schema=dict.fromkeys(LABEL_PAIR[:4], pl.String) | {"same": pl.Boolean})
    new = none if now is None else now.select(LABEL_PAIR)
    old = none if before is None else before.select(LABEL_PAIR)
    changed = pl.concat(
        [new.join(old, on=LABEL_PAIR, how="anti"), old.join(new, on=LABEL_PAIR, how="anti")]
    )
    ends = [changed.select(datasource=f"source{end}", pk=f"pk{end}") for end in ("1", "2")]
    return pl.concat(ends).unique().with_columns(label=pl.lit(True))


def counts(pks: pl.DataFrame) -> dict[str, int]:
    """Rows by cause, every cause with its number."""
    found = dict(pks.group_by("cause").len().iter_rows())
    return {cause: int(found.get(cause, 0)) for cause in CAUSES}
