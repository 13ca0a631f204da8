"""The documented Stitch tables, built from the results of the stages.

Column selection, joins on record number, and sort orders live here; no matching and no decision.
What each column means is `semantics/tables/stitch.yaml`. Figures about the tables belong to
`metrics`, histories to `identity_changes`.

Throughout, `rid` numbers the source records in (datasource, pk) order, so that frames with one row
per record align by position.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import polars as pl

from c360_assets.stitch.prepare.trivial_duplicates import KEY_SEPARATOR
from c360_assets.stitch.prepare.union import CORE_COLUMNS, MULTI_VALUE
from c360_assets.warehouse.sql import quote_ident

KEYS = ("datasource", "pk")
FLAGS = ("has_blv", "blv_address", "blv_email", "blv_given_name", "blv_phone", "blv_surname")
MATCHING_COLUMNS = ("component_id", "rep_ds", "rep_pk", "is_supersized", "supersized_id")
SCORE_COLUMNS = (
    *("score", "match_category", "match_type", "strategy_count", "decided_by"),
    "model_score",
)
PAIR_COLUMNS = ("source1", "pk1", "source2", "pk2", *SCORE_COLUMNS)
SEPARATION = ("sk_given_name", "sk_generational_suffix")
PREPROCESSED_COLUMNS = (
    *("amperity_id", *KEYS, "int_id", "component_id", "supersized_id"),
    *("given_name", "surname", *SEPARATION, "given_canonical", "birthdate", "gender"),
    *("email", "login_trimmed", "phone"),
    *("address", "po_box", "city", "state", "postal", "company"),
)
# A removed address takes its second line along; no other column falls with another one.
FALLS_WITH = {"address": ("address", "address2")}
TEXTS = pl.col("match_category", "match_type", "decided_by").cast(pl.String)


def number_keys(keys: pl.DataFrame, con: duckdb.DuckDBPyConnection) -> pl.Series:
    """A number per row of `keys` (datasource, pk), in row order.

    Taken from the key's MD5, so that it is the same in every run, unlike a rank.
    """
    con.register("_number_keys", keys.select(*KEYS).with_row_index("i").to_arrow())
    sql = """
        SELECT (md5_number_lower(concat_ws(chr(31), datasource, pk)) >> 1)::BIGINT AS number
        FROM _number_keys ORDER BY i"""
    numbers = con.sql(sql).pl()["number"]
    con.unregister("_number_keys")
    return numbers


def record_groups(
    frame: pl.DataFrame, ids: pl.Series, clusters: pl.DataFrame, con: duckdb.DuckDBPyConnection
) -> pl.DataFrame:
    """What Stitch decided about each record.

    Columns: rid, datasource, pk, amperity_id, rep, rep_ds, rep_pk, component_id, is_supersized,
    supersized_id. `frame`: rid, datasource, pk, rep. `clusters`: rid of representatives,
    `component` and `supersized` (NULL unless split) as the smallest rid of each; both become
    numbers that depend on that record's key alone.
    """
    keys = frame.select("rid", *KEYS)
    first_records = pl.concat([clusters["component"], clusters["supersized"].drop_nulls()])
    first_records = first_records.unique().sort().alias("rid")
    numbered = first_records.to_frame().join(keys, on="rid", how="left", maintain_order="left")
    numbered = numbered.select("rid", number=number_keys(numbered, con))
    component_ids = numbered.select(component="rid", component_id="number")
    supersized_ids = numbered.select(supersized="rid", supersized_id="number")
    of_reps = (
        clusters.select("rid", "component", "supersized")
        .join(component_ids, on="component", how="left")
        .join(supersized_ids, on="supersized", how="left")
        .select("component_id", "supersized_id", rep="rid")
    )
    rep_keys = keys.select(rep="rid", rep_ds="datasource", rep_pk="pk")
    records = frame.select("rid", *KEYS, "rep").with_columns(amperity_id=ids)
    records = records.join(rep_keys, on="rep", how="left", maintain_order="left")
    records = records.join(of_reps, on="rep", how="left", maintain_order="left")
    return records.with_columns(is_supersized=pl.col("supersized_id").is_not_null())


def unified_coalesced(
    records: pl.DataFrame, groups: pl.DataFrame, flags: pl.DataFrame
) -> pl.DataFrame:
    """Every source record once, values as received, with its `amperity_id`.

    Sorted by (datasource, pk).
    """
    core = [column for column in CORE_COLUMNS if column != "ck"]
    known = {*CORE_COLUMNS, *KEYS}
    further = [column for column in records.columns if column not in known]
    foreign_keys = [column for column in further if column.startswith("fk_")]
    others = [column for column in further if column not in foreign_keys]
    named = records.with_columns(full_name=_full_name())
    parts = [
        groups.select("amperity_id", *KEYS),
        named.select("ck", *foreign_keys, *core, *others),
        groups.select(*MATCHING_COLUMNS),
        flags.select(FLAGS),
    ]
    return pl.concat(parts, how="horizontal")


def record_content(records: pl.DataFrame, con: duckdb.DuckDBPyConnection) -> pl.Series:
    """`content`: a number per record, in row order, that changes with what the record holds."""
    named = records.with_columns(full_name=_full_name()).with_row_index("_i")
    con.register("_record_content", named.to_arrow())
    sql = f"SELECT {content_sql(records.columns)} AS content FROM _record_content ORDER BY _i"
    content = con.sql(sql).pl()["content"]
    con.unregister("_record_content")
    return content


def content_sql(columns: Iterable[str]) -> str:
    """SQL of that number over a relation with the columns of `unified_coalesced`."""
    left_out = {*KEYS, *MATCHING_COLUMNS, *FLAGS, "amperity_id"}
    read = sorted(set(columns) - left_out)
    return f"hash({', '.join(map(quote_ident, read))})"


def _full_name() -> pl.Expr:
    given_name, surname = _filled("given_name"), _filled("surname")
    both = pl.concat_str(given_name, surname, separator=" ")
    return pl.coalesce(_filled("full_name"), both, given_name, surname)


def unified_preprocessed_raw(
    representatives: pl.DataFrame, groups: pl.DataFrame, con: duckdb.DuckDBPyConnection
) -> pl.DataFrame:
    """One row per representative: the values that Stitch compared.

    Multi-values and gathered foreign keys are joined by commas.
    """
    matched = groups.select("rid", "amperity_id", "component_id", "supersized_id")
    frame = representatives.join(matched, on="rid", how="left", maintain_order="left")
    # Read before its lists become a text.
    frame = frame.with_columns(sk_given_name=pl.coalesce(_canonical(), "given_name"))
    foreign_keys = [column for column in frame.columns if column.startswith("fk_")]
    frame = frame.with_columns(
        number_keys(frame, con).alias("int_id"),
        *map(joined_values, (*MULTI_VALUE, "given_canonical")),
        *(pl.col(key).str.replace_all(KEY_SEPARATOR, ",", literal=True) for key in foreign_keys),
        sk_generational_suffix=pl.col("generational_suffix"),
    )
    keys = [
        column
        for column in frame.columns
        if column.startswith(("fk_", "bk_", "sk_")) and column not in SEPARATION
    ]
    return frame.select(*PREPROCESSED_COLUMNS, *keys).sort(KEYS)


def joined_values(column: str) -> pl.Expr:
    """Several values as a text, NULL where there is none."""
    values = pl.col(column).list
    return pl.when(values.len() > 0).then(values.join(",")).alias(column)


def _canonical() -> pl.Expr:
    """The first canonical name that is not the given name itself."""
    return (
        pl.col("given_canonical")
        .list.set_difference(pl.concat_list("given_name"))
        .list.sort()
        .list.first()
    )


def unified_customer(unified: pl.DataFrame, removed: pl.DataFrame, min_size: int) -> pl.DataFrame:
    """`unified_coalesced` without the columns about matching.

    Blocked values are NULL, and records whose cluster is still supersized (at least `min_size`
    records) are left out.

    `removed`: datasource, pk, semantic, raw_value of every value that was not used. Of a
    multi-valued column only the blocked values go.
    """
    columns = [column for column in unified.columns if column not in (*MATCHING_COLUMNS, *FLAGS)]
    frame = unified
    removed = removed.with_columns(column=pl.col("semantic").str.replace_all("-", "_"))
    by_column = removed.partition_by("column", as_dict=True)
    for (column,), rows in sorted(by_column.items()):
        for target in FALLS_WITH.get(str(column), (str(column),)):
            if target in columns:
                frame = _without(frame, target, rows)
    size = pl.len().over("amperity_id")
    is_too_large = pl.col("is_supersized") & (size >= min_size)
    return frame.filter(~is_too_large).select(columns)


def _without(frame: pl.DataFrame, column: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The frame without the values in `rows` (datasource, pk, raw_value) of the column."""
    bad = rows.group_by(KEYS).agg(_bad=pl.col("raw_value").str.strip_chars().unique().sort())
    frame = frame.join(bad, on=list(KEYS), how="left", maintain_order="left")
    if column in MULTI_VALUE:
        values = pl.col(column).str.split(",").list.eval(pl.element().str.strip_chars())
        kept = values.list.set_difference("_bad")
        rest: pl.Expr = pl.when(kept.list.len() > 0).then(kept.list.join(","))
    else:
        rest = pl.lit(None, frame.schema[column])
    has_bad = pl.col("_bad").is_not_null()
    cleaned = pl.when(has_bad).then(rest).otherwise(pl.col(column)).alias(column)
    return frame.with_columns(cleaned).drop("_bad")


def trivial_pairs(frame: pl.DataFrame, hard: pl.Series) -> pl.DataFrame:
    """One pair per collapsed record and its representative: rid1, rid2 and the score columns.

    `hard` is the representative by equal profile alone; a record grouped only because values were
    excluded scores 3.00.
    """
    is_soft = pl.col("rep") != pl.col("_hard")
    reps = frame.select("rid", "rep").with_columns(_hard=hard)
    collapsed = reps.filter(pl.col("rid") != pl.col("rep"))
    return collapsed.select(
        rid1="rep",
        rid2="rid",
        score=pl.when(is_soft).then(3.0).otherwise(5.0),
        match_category=pl.when(is_soft).then(pl.lit("high")).otherwise(pl.lit("exact")),
        match_type=pl.lit("trivial_duplicate"),
        strategy_count=pl.lit(0, pl.Int64),
        decided_by=pl.lit("trivial_duplicate"),
        model_score=pl.lit(None, pl.Float64),
    )


def inside_pairs(pairs: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """The pairs whose records have one `amperity_id`, with that id; pairs by rid."""
    number = groups["amperity_id"].cast(pl.Categorical).to_physical()
    kept = pairs.filter(number.gather(pairs["rid1"]) == number.gather(pairs["rid2"]))
    return kept.with_columns(amperity_id=groups["amperity_id"].gather(kept["rid1"]))


def unified_scores(pairs: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """The pairs inside one final cluster, from pairs by rid with rid1 < rid2.

    Sorted by the keys of both records.
    """
    named = _name_ends(inside_pairs(pairs, groups).sort("rid1", "rid2"), groups.select(*KEYS))
    return named.select("amperity_id", *PAIR_COLUMNS).with_columns(TEXTS)


def stitch_scores(pairs: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """All pairs, also between clusters, from pairs by rid with rid1 < rid2.

    Sorted by the keys of both records.
    """
    named = _name_ends(pairs.sort("rid1", "rid2"), groups.select(*KEYS, "amperity_id"))
    return named.select("amperity_id1", "amperity_id2", *PAIR_COLUMNS).with_columns(TEXTS)


def _name_ends(rows: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """`rows` (rid1, rid2, …) with the columns of `keys` for both ends.

    `keys` has one row per record, in rid order.
    """
    for end in ("1", "2"):
        names = {column: f"{column}{end}" for column in keys.columns}
        names["datasource"] = f"source{end}"
        rows = rows.hstack(keys[rows[f"rid{end}"]].rename(names))
    return rows


def identity_graph(records: pl.DataFrame) -> pl.DataFrame:
    """Which customer keys of which source belong to which id.

    Records with datasource, pk, ck, amperity_id.
    """
    rows = records.select(
        "amperity_id", "datasource", customer_key=pl.coalesce(_filled("ck"), "pk")
    )
    return rows.unique().sort("amperity_id", "datasource", "customer_key")


def _filled(column: str) -> pl.Expr:
    """The column's value, NULL where it is blank."""
    return pl.when(pl.col(column).str.strip_chars() != "").then(column)


def cluster_fks(frame: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """The foreign-key values of each id, in the form in which they were compared.

    Columns: amperity_id, fk_name, fk_value, n_records.
    """
    columns = [column for column in frame.columns if column.startswith("fk_")]
    rows = pl.concat([groups.select("amperity_id"), frame.select(columns)], how="horizontal")
    long = rows.unpivot(
        columns, index="amperity_id", variable_name="fk_name", value_name="fk_value"
    ).drop_nulls("fk_value")
    long = long.with_columns(
        pl.col("fk_name").str.replace_all("_", "-"), pl.col("fk_value").cast(pl.String)
    )
    counts = long.group_by("amperity_id", "fk_name", "fk_value").agg(
        n_records=pl.len().cast(pl.Int64)
    )
    return counts.sort("amperity_id", "fk_name", "fk_value")


def decisions(rows: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """`stitch_decisions`: each step of the clustering in its order.

    Clusters are named by their smallest record, and by the id that it has in the end.
    """
    named = _name_ends(rows, groups.select(*KEYS, "amperity_id"))
    return named.select(
        "amperity_id1",
        "amperity_id2",
        *("source1", "pk1", "source2", "pk2", "action", "field", "evidence"),
    )
