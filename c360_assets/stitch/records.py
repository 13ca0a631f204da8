"""Comparison records: the preprocessed frame as a DuckDB table with the parts of values that blocking and comparison read.

Splitting an address into house, street and unit, letters of a login, frequency bins and established names belong here. What a
value means for a match is decided in `features`; which values a record has at all is decided by preprocessing.
"""

from __future__ import annotations

import duckdb
import polars as pl

from c360_assets.warehouse.sql import quote_ident, quote_literal

UNIT = r"\s*\b(APARTMENT|APT|UNIT|SUITE|STE|FLOOR|FL|ROOM|RM|BUILDING|BLDG|LOT|TRAILER|TRLR|SPACE|SPC|PO BOX|#)\b.*$"
TEXT_COLUMNS = (
    "given_name",
    "surname",
    "generational_suffix",
    "gender",
    "address",
    "po_box",
    "city",
    "state",
    "postal",
    "company",
    "login_trimmed",
)
LIST_COLUMNS = ("email", "phone", "given_canonical")


def columns_with(frame: pl.DataFrame, prefix: str) -> list[str]:
    """Columns of the frame that hold a key of this kind (`fk_`, `bk_`, `sk_`), in name order."""
    return sorted(c for c in frame.columns if c.startswith(prefix))


def _bin(column: str) -> str:
    """Frequency of a value in half decades, 1 above one in a hundred, 8 below one in 100,000.

    A thousand phantom records keep small data humble: in a tenant of three records no name is common, and none is rare.
    """
    return (
        f"CASE WHEN {column} IS NULL THEN NULL ELSE "
        f"least(8, greatest(1, floor(-2 * log10((count(*) OVER (PARTITION BY {column}) + 0.5) / (n_total + 1000.0))) - 2))"
        "::TINYINT END"
    )


def prepare_records(
    con: duckdb.DuckDBPyConnection, frame: pl.DataFrame, known_names: frozenset[str] = frozenset()
) -> pl.DataFrame:
    """Create `er_records`, one comparison record per row of the frame, and return (i, rid); i is the rank of rid.

    `known_names`: given names that are established whatever their frequency here. The frame may be in any order.
    """
    types: dict[str, pl.DataType] = {
        **dict.fromkeys(TEXT_COLUMNS, pl.String()),
        **dict.fromkeys(LIST_COLUMNS, pl.List(pl.String)),
        "birthdate": pl.Date(),
    }
    missing = [pl.lit(None, dtype=t).alias(c) for c, t in types.items() if c not in frame.columns]
    frame = frame.sort("rid").with_columns(missing).with_row_index("i").with_columns(pl.col("i").cast(pl.Int32))
    con.register("er_frame", frame.to_arrow())
    con.register("er_known", pl.DataFrame({"name": sorted(known_names)}, schema={"name": pl.String}).to_arrow())
    extra = "".join(f", {quote_ident(c)}" for p in ("fk_", "bk_", "sk_") for c in columns_with(frame, p))
    fks = columns_with(frame, "fk_")
    values = ", ".join(
        f"list_transform(string_split({quote_ident(c)}, ','), lambda v: {quote_literal(c + ':')} || v)" for c in fks
    )
    kinds = ", ".join(f"CASE WHEN {quote_ident(c)} IS NOT NULL THEN {quote_literal(c)} END" for c in fks)
    key_lists = (
        f"nullif(flatten(list_filter([{values}], lambda l: l IS NOT NULL)), []) AS fks,"
        f" nullif(list_filter([{kinds}], lambda k: k IS NOT NULL), []) AS fk_kinds"
        if fks
        else "NULL::VARCHAR[] AS fks, NULL::VARCHAR[] AS fk_kinds"
    )
    n = frame.height
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE er_records AS
        WITH base AS (
            SELECT i, {n}::DOUBLE AS n_total, nullif(given_name, '') AS given, nullif(surname, '') AS surname,
                   upper(regexp_replace(generational_suffix, '[^A-Za-z0-9]', '', 'g')) AS suffix,
                   strftime(birthdate, '%Y-%m-%d') AS birthdate, gender, company, po_box, login_trimmed,
                   coalesce(email, []) AS emails, email[1] AS email, coalesce(len(email), 0)::INTEGER AS emails_n,
                   coalesce(phone, []) AS phones, phone[1] AS phone, coalesce(len(phone), 0)::INTEGER AS phones_n,
                   address, nullif(trim(regexp_replace(address, {quote_literal(UNIT)}, '')), '') AS building,
                   nullif(trim(regexp_extract(address, {quote_literal(UNIT)})), '') AS unit,
                   city, state, postal,
                   CASE WHEN len(given_canonical) > 1 THEN given_canonical END AS variants, given_canonical, {key_lists}{extra}
            FROM er_frame),
        parts AS (
            SELECT *, regexp_extract(building, '^([0-9][^ ]*) ', 1) AS house0,
                   regexp_replace(building, '^[0-9][^ ]* ', '') AS street,
                   split_part(email, '@', 1) AS login, split_part(email, '@', 2) AS domain,
                   nullif(regexp_replace(split_part(email, '@', 1), '[^\\p{{L}}]', '', 'g'), '') AS letters
            FROM base),
        counted AS (
            SELECT * EXCLUDE (house0), nullif(house0, '') AS house,
                   {_bin("given")} AS given_bin, {_bin("surname")} AS surname_bin, {_bin("company")} AS company_bin,
                   {_bin("postal")} AS postal_bin, {_bin("city")} AS city_bin,
                   count(*) OVER (PARTITION BY given) AS given_n,
                   count(*) OVER (PARTITION BY birthdate) AS birthdate_n,
                   count(*) OVER (PARTITION BY email) AS email_n, count(*) OVER (PARTITION BY phone) AS phone_n,
                   count(*) OVER (PARTITION BY address) AS address_n, count(*) OVER (PARTITION BY login) AS login_n
            FROM parts)
        SELECT counted.* EXCLUDE (n_total, given_canonical, variants),
               coalesce(variants, [given]) AS canonical,
               CASE WHEN contains(surname, ' ') OR contains(surname, '-')
                    THEN list_filter(regexp_split_to_array(surname, '[ -]'), lambda t: length(t) >= 3)
                    WHEN surname IS NOT NULL THEN [surname] END AS surname_tokens,
               given_bin + surname_bin AS name_rarity,
               coalesce(length(given) > 1 AND (len(variants) > 1 OR k.name IS NOT NULL
                        OR given_n >= 10 AND given_n >= 0.00005 * n_total), FALSE) AS established,
               row_number() OVER (ORDER BY surname, given, birthdate, postal, email, phone, i) AS place_in_order
        FROM counted LEFT JOIN er_known k ON k.name = given"""
    )
    return frame.select("i", "rid")
