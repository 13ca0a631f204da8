"""Comparison records: the preprocessed frame with the parts of values that blocking and comparison read.

Splitting an address into house, street and unit, letters of a login, frequency bins and established names belong here. What a
value means for a match is decided in `features`; which values a record has at all is decided by preprocessing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import duckdb
import polars as pl
import pyarrow as pa

UNIT = r"\s*\b(APARTMENT|APT|UNIT|SUITE|STE|FLOOR|FL|ROOM|RM|BUILDING|BLDG|LOT|TRAILER|TRLR|SPACE|SPC|PO BOX|#)\b.*$"
MIDDLE = r"^(\S{2,}.*?)(?: \p{L})+$"  # a given name that initials of further names follow
KEY_PREFIXES = ("fk_", "bk_", "sk_")
RECORDS = "er_records"  # the name under which SQL sees the comparison records
MOST_THREADS = 4  # of the work between SQL statements; each holds arrays of its own
FEW_ROWS = 1_000_000  # up to so many are no work for several threads
T = TypeVar("T")
R = TypeVar("R")
CHUNK = 16_384  # rows of a batch that one thread of the SQL engine takes
_TYPES: dict[str, pl.DataType] = {
    **dict.fromkeys(
        (
            *(
                "given_name",
                "surname",
                "generational_suffix",
                "gender",
                "address",
                "po_box",
                "city",
                "state",
                "postal",
            ),
            *("company", "login_trimmed"),
        ),
        pl.String(),
    ),
    **dict.fromkeys(("email", "phone", "given_canonical"), pl.List(pl.String)),
    "birthdate": pl.Date(),
}


def columns_with(frame: pl.DataFrame, prefix: str) -> list[str]:
    """Columns of the frame that hold a key of this kind (`fk_`, `bk_`, `sk_`), in name order."""
    return sorted(c for c in frame.columns if c.startswith(prefix))


def arrow(frame: pl.DataFrame) -> pa.Table:
    """The frame for the SQL engine, without a copy of its strings, in batches so that several threads can read it."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.newest())
    return (
        pa.Table.from_batches(table.to_batches(max_chunksize=CHUNK), table.schema)
        if table.num_rows > CHUNK
        else table
    )


@contextmanager
def registered(con: duckdb.DuckDBPyConnection, **frames: pl.DataFrame) -> Iterator[None]:
    """The frames as views of the connection while the block runs."""
    try:
        for name, frame in frames.items():
            con.register(name, arrow(frame))
        yield
    finally:
        for name in frames:
            con.unregister(name)


def in_threads(
    con: duckdb.DuckDBPyConnection,
    work: Callable[[duckdb.DuckDBPyConnection, T], R],
    items: Iterable[T],
    rows: int,
) -> list[R]:
    """The results of the work on each item, in their order, on as many threads as the connection has, each with its cursor.

    The SQL engine uses all threads by itself, but what NumPy does between its statements runs on one. For few `rows` that is
    nothing, and every thread keeps memory.
    """
    threads = (
        con.execute("SELECT current_setting('threads')").fetchall()[0][0] if rows > FEW_ROWS else 1
    )
    if threads == 1:
        return [work(con, item) for item in items]

    def on_cursor(item: T) -> R:
        with con.cursor() as cursor:
            return work(cursor, item)

    with ThreadPoolExecutor(min(threads, MOST_THREADS)) as pool:
        return list(pool.map(on_cursor, items))


def _bin(count: pl.Expr, records: int) -> pl.Expr:
    """Frequency of a value in half decades, 1 above one in a hundred, 8 below one in 100,000.

    A thousand phantom records keep small data humble: in a tenant of three records no name is common, and none is rare.
    """
    share = (count + 0.5) / (records + 1000.0)
    return ((-2 * share.log10()).floor() - 2).clip(1, 8).cast(pl.Int8)


def _count(column: str) -> pl.Expr:
    """How many records hold this record's value; NULL without one."""
    return pl.when(pl.col(column).is_not_null()).then(pl.len().over(column)).cast(pl.Int32)


def _with_name_counts(base: pl.DataFrame) -> pl.DataFrame:
    """Adds `given_often` and `surname_often`: how many records hold the name, in the role in which it is more frequent.

    Names are entered in each other's field: SMITH as a given name is not rare.
    """
    counts = pl.concat(
        [base.group_by(name=c).len("often").drop_nulls() for c in ("given", "surname")]
    )
    counts = counts.group_by("name").agg(pl.col("often").max().cast(pl.Int32))
    for column in ("given", "surname"):
        often = counts.rename({"name": column, "often": f"{column}_often"})
        matched = base.select(column).join(often, on=column, how="left", maintain_order="left")
        base = base.with_columns(matched.get_column(f"{column}_often"))
    return base


def _several(column: str) -> pl.Expr:
    """The values where there is more than one; most records have one, which has a column of its own."""
    return pl.when(pl.col(column).list.len() > 1).then(column)


def prepare_records(
    frame: pl.DataFrame, known_names: frozenset[str] = frozenset(), *, population: int | None = None
) -> pl.DataFrame:
    """The comparison records, one per row of the frame, in rid order; `i` is the rank of `rid`.

    `known_names`: given names that are established whatever their frequency here. `population`: the number of records that
    frequencies are shares of, by default those of the frame. The frame may be in any order.
    `emails`, `phones` and `variants` are NULL unless there are several values; `email` and `phone` are the first ones.
    """
    keys = [c for prefix in KEY_PREFIXES for c in columns_with(frame, prefix)]
    missing = [
        pl.lit(None, dtype=t).alias(c)
        for c, t in _TYPES.items()
        if frame.schema.get(c, pl.Null()) == pl.Null()
    ]
    n = frame.height if population is None else population
    base = (
        (frame if frame["rid"].is_sorted() else frame.sort("rid"))
        .with_columns(missing)
        .with_row_index("i")
        .select(
            pl.col("i").cast(pl.Int32),
            "rid",
            pl.col("given_name").replace("", None).str.replace(MIDDLE, "$1").alias("given"),
            pl.col("surname").replace("", None),
            pl.col("generational_suffix")
            .str.replace_all("[^A-Za-z0-9]", "")
            .str.to_uppercase()
            .alias("suffix"),
            pl.col("birthdate").dt.to_string("%Y-%m-%d"),
            *("gender", "company", "po_box", "login_trimmed", "address", "city", "state", "postal"),
            _several("email").alias("emails"),
            pl.col("email").list.first(),
            _several("phone").alias("phones"),
            pl.col("phone").list.first(),
            pl.when(pl.col("given_canonical").list.len() > 1)
            .then(pl.col("given_canonical").list.eval(pl.element().str.replace(MIDDLE, "$1")))
            .alias("variants"),
            *keys,
        )
    )
    has_unit = pl.col("address").str.contains(UNIT)
    login = pl.col("email").str.extract("^([^@]*)")
    base = base.with_columns(
        building=pl.when(has_unit)
        .then(pl.col("address").str.replace(UNIT, ""))
        .otherwise("address")
        .str.strip_chars()
        .replace("", None),
        unit=pl.when(has_unit)
        .then(pl.col("address").str.extract(f"({UNIT})").str.strip_chars())
        .replace("", None),
        login=login,
        domain=pl.col("email").str.extract("@([^@]*)"),
        area=pl.col("postal").str.head(3),
        letters=login.str.replace_all(r"[^\p{L}]", "").replace("", None),
        surname_tokens=pl.when(pl.col("surname").str.contains("[ -]")).then(
            pl.col("surname")
            .str.replace_all("-", " ", literal=True)
            .str.split(" ")
            .list.eval(pl.element().filter(pl.element().str.len_chars() >= 3))
        ),
    )
    base = _with_name_counts(base)
    base = base.with_columns(
        house=pl.col("building").str.extract("^([0-9][^ ]*) "),
        street=pl.col("building").str.replace("^[0-9][^ ]* ", ""),
        given_bin=_bin(pl.col("given_often"), n),
        surname_bin=_bin(pl.col("surname_often"), n),
        company_bin=_bin(_count("company"), n),
        postal_bin=_bin(_count("postal"), n),
        city_bin=_bin(_count("city"), n),
        name_expected=(pl.col("given_often") * (pl.col("surname_often") / n)).cast(pl.Float32),
        name_n=pl.len().over("given", "surname").cast(pl.Int32),
        birthdate_n=_count("birthdate"),
        email_n=_count("email"),
        phone_n=_count("phone"),
        address_n=_count("address"),
    )
    often = _count("given")
    named = pl.col("variants").is_not_null() | pl.col("given").is_in(sorted(known_names))
    established = (pl.col("given").str.len_chars() > 1) & (
        named | (often >= 10) & (often >= 0.00005 * n)
    )
    return base.with_columns(
        name_rarity=pl.col("given_bin") + pl.col("surname_bin"),
        established=established.fill_null(False),
    )
