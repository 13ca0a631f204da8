"""Two records of a published database as Stitch compared them, and what it counted over all others.

How rare a value is, and who else is in a block, depends on other records. All of those, and no
others, are read from the file: whoever shares a counted value (`counted`) or a block with one of
the two. So the figures come out as in the run. What is compared belongs to `compare`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.stitch.compare.blocking import Strategy, chosen_strategies, key_rows_sql
from c360_assets.stitch.compare.comparison_records import (
    FIRST_NAME,
    INITIALS,
    OfAllRecords,
    prepare_records,
    registered,
)
from c360_assets.stitch.compare.surname_words import (
    further_words,
    several_words,
    words_of_surnames,
)
from c360_assets.stitch.explain.counted import (
    HOLDS_A_WORD,
    LISTS,
    REPRESENTATIVES,
    sharing,
)
from c360_assets.stitch.prepare.trivial_duplicates import KEY_SEPARATOR
from c360_assets.stitch.resolve import known_given_names
from c360_assets.stitch.score.match_model import Model
from c360_assets.stitch.score.stored_model import read_model
from c360_assets.tenant.models import StitchConfig

NEEDED = (
    *("unified_coalesced", "unified_preprocessed_raw", "unified_scores", "unified_changes_pks"),
    *("stitch_model", "stitch_generation", "stitch_labels", "stitch_removed_values"),
    *("stitch_blocking_keys", "stitch_blocks", "stitch_scores", "stitch_decisions"),
    "stitch_id_redirects",
)
CONTACTS = ("email", "phone", "address")


@dataclass(frozen=True)
class Record:
    """A source record, whom it belongs to, and the record that was compared for it."""

    datasource: str
    pk: str
    amperity_id: str
    rep_ds: str
    rep_pk: str

    @property
    def name(self) -> str:
        return f"{self.datasource}/{self.pk}"

    @property
    def representative(self) -> tuple[str, str]:
        return self.rep_ds, self.rep_pk


class PublishedStitch:
    """The Stitch tables of a published database that is open in `con`."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self._surname_words: dict[str, bool] = {}  # those that were asked for
        present = {
            name
            for (name,) in con.execute(
                "SELECT table_name FROM information_schema.tables"
            ).fetchall()
        }
        missing = [name for name in NEEDED if name not in present]
        if missing:
            raise C360Error(
                f"the database does not show {', '.join(missing)}, which explaining reads; ask the "
                "primary database, published by this version"
            )

    def frame(self, sql: str, parameters: Sequence[Any] = ()) -> pl.DataFrame:
        return self.con.sql(sql, params=list(parameters) or None).pl()

    @cached_property
    def config(self) -> StitchConfig:
        """The settings that the run had."""
        ((text,),) = self.con.execute("SELECT config FROM stitch_generation").fetchall()
        return StitchConfig.model_validate_json(text or "{}")

    @cached_property
    def model(self) -> Model:
        """The model that scored. Raises C360Error where it has no weights by field."""
        table = self.frame("SELECT * FROM stitch_model")
        if self.config.matching.model == "recordlinkage_ecm":
            raise C360Error(
                "the model recordlinkage_ecm is not kept with its weights, so that pairs cannot be "
                "explained; `matching.model: three_class` in stitch.yaml can"
            )
        return read_model(table)

    @cached_property
    def knows_blocks(self) -> bool:
        """Whether the keys of blocks are published; `outputs` may switch them off."""
        return bool(self.con.execute("SELECT 1 FROM stitch_blocking_keys LIMIT 1").fetchall())

    @cached_property
    def holds_contacts(self) -> bool:
        tests = " OR ".join(f"count({column}) > 0" for column in CONTACTS)
        ((found,),) = self.con.execute(f"SELECT {tests} FROM {REPRESENTATIVES}").fetchall()
        return bool(found)

    @cached_property
    def columns(self) -> list[str]:
        return [row[0] for row in self.con.execute(f"DESCRIBE {REPRESENTATIVES}").fetchall()]

    @cached_property
    def birthdates(self) -> int:
        """How many representatives hold one."""
        return int(self.frame(f"SELECT count(birthdate) AS n FROM {REPRESENTATIVES}")["n"][0])

    def words_of_surnames(self, given_names: pl.Series) -> pl.Series:
        """Of the further words of given names those that are surnames, as all records tell."""
        words = further_words(given_names.cast(pl.String).str.replace(INITIALS, "$1"))["word"]
        new = words.filter(~words.is_in(self._surname_words.keys())).unique().sort()
        if new.len():
            sql = f"SELECT given_name, surname FROM {REPRESENTATIVES} WHERE {HOLDS_A_WORD}"
            named = self.frame(sql, [new.to_list()]).select(
                "surname",
                given=pl.col("given_name").str.extract(FIRST_NAME),
                surname_tokens=several_words(pl.col("surname")),
            )
            surnames = set(words_of_surnames(named, new))
            self._surname_words |= {word: word in surnames for word in new}
        known = [word for word, is_surname in self._surname_words.items() if is_surname]
        return pl.Series(known, dtype=pl.String)

    def record(self, datasource: str, pk: str) -> Record | None:
        rows = self.con.execute(
            "SELECT datasource, pk, amperity_id, rep_ds, rep_pk FROM unified_coalesced "
            "WHERE datasource = ? AND pk = ?",
            [datasource, pk],
        ).fetchall()
        return Record(*rows[0]) if rows else None

    def labels(self, one: Record, other: Record) -> dict[str, bool]:
        """The labels of the pair that are obeyed, by id: whether they say one person or two."""
        ends = [*one.representative, *other.representative]
        crossed = [*other.representative, *one.representative]
        rows = self.con.execute(
            "SELECT label_id, same FROM stitch_labels WHERE (source1, pk1, source2, pk2) IN "
            "((?, ?, ?, ?), (?, ?, ?, ?)) ORDER BY label_id",
            [*ends, *crossed],
        ).fetchall()
        return dict(rows)


@dataclass(frozen=True)
class ComparedRecords:
    """The comparison records of a pair among those that count for it.

    `i`, `j`: positions of the two, i < j. `blocks`: members of the blocks that both are in, as
    comparison records with positions of their own; `block_i`, `block_j`: the two in it.
    """

    records: pl.DataFrame
    i: int
    j: int
    key_columns: list[str]
    strategies: list[Strategy]
    blocks: pl.DataFrame
    block_i: int
    block_j: int


def read_pair(
    con: duckdb.DuckDBPyConnection, source: PublishedStitch, one: Record, other: Record
) -> ComparedRecords:
    """The representatives of two records, ready to be compared; `con` is for computing."""
    two = _representatives(source, [one, other])
    counted = sharing(source.frame, source.columns, two, source.model.records)
    of_two = _prepared(source, pl.concat([two, counted]))
    frame = as_compared(two)
    strategies = chosen_strategies(source.config.blocking, frame, source.config.matching.rules)
    pair = of_two.positions(one, other)
    shared = _shared_keys(con, strategies, of_two.records.filter(pl.col("i").is_in(pair)))
    members = _block_members(source, shared)
    whole = _prepared(source, pl.concat([of_two.rows, members]))
    ends = whole.positions(one, other)
    in_blocks = whole.keys.join(pl.concat([members, two]), on=["datasource", "pk"], how="semi")
    blocks = whole.records.filter(pl.col("i").is_in(in_blocks["i"].implode()))
    order = blocks["i"].to_list()
    blocks = blocks.with_columns(pl.int_range(pl.len(), dtype=pl.Int32).alias("i"))
    return ComparedRecords(
        records=whole.records,
        i=ends[0],
        j=ends[1],
        key_columns=sorted(name for name in frame.columns if name.startswith(("fk_", "sk_"))),
        strategies=strategies,
        blocks=blocks,
        block_i=order.index(ends[0]),
        block_j=order.index(ends[1]),
    )


@dataclass(frozen=True)
class _Prepared:
    """Representatives `rows` and their comparison `records`, in the same order."""

    rows: pl.DataFrame
    records: pl.DataFrame

    @property
    def keys(self) -> pl.DataFrame:
        return self.rows.select("datasource", "pk").with_row_index("i")

    def positions(self, one: Record, other: Record) -> list[int]:
        """The places of the two, the smaller first."""
        of_key = {(datasource, pk): i for i, datasource, pk in self.keys.iter_rows()}
        return sorted(of_key[record.representative] for record in (one, other))


def _prepared(source: PublishedStitch, rows: pl.DataFrame) -> _Prepared:
    rows = rows.unique(["datasource", "pk"]).sort("datasource", "pk")
    of_all = OfAllRecords(source.birthdates, source.words_of_surnames(rows["given_name"]))
    records = prepare_records(
        as_compared(rows), known_given_names(), population=source.model.records, of_all=of_all
    )
    return _Prepared(rows, records)


def _shared_keys(
    con: duckdb.DuckDBPyConnection, strategies: Sequence[Strategy], two: pl.DataFrame
) -> pl.DataFrame:
    """The blocking keys (strategy, bk) that both of two comparison records have.

    They follow from the two: the table of all keys is far larger than who shares one.
    """
    with registered(con, er_records=two):
        keys = con.sql(key_rows_sql(strategies, "bk")).pl().unique(["s", "bk", "i"])
    names = [strategy.name for strategy in strategies]
    of_both = keys.group_by("s", "bk").len().filter(pl.col("len") == 2)
    strategy = pl.Series("strategy", [names[s] for s in of_both["s"]], dtype=pl.String)
    return of_both.select("bk").with_columns(strategy)


def _representatives(source: PublishedStitch, records: Sequence[Record]) -> pl.DataFrame:
    keys = [record.representative for record in records]
    return _of_keys(source, pl.DataFrame(keys, schema=["datasource", "pk"], orient="row"))


def _of_keys(source: PublishedStitch, keys: pl.DataFrame) -> pl.DataFrame:
    """The representatives with these keys (datasource, pk)."""
    datasources = keys["datasource"].unique().sort().to_list()
    pks = keys["pk"].unique().sort().to_list()
    tests = f"{_among('pk', pks)} AND {_among('datasource', datasources)}"
    rows = source.frame(f"SELECT * FROM {REPRESENTATIVES} WHERE {tests}", [*pks, *datasources])
    return rows.join(keys, on=["datasource", "pk"], how="semi")


def _among(column: str, values: Sequence[str]) -> str:
    """A test that is held against the column alone: one on several columns reads every row."""
    return f"{column} IN ({', '.join('?' for _ in values)})"


def _block_members(source: PublishedStitch, shared: pl.DataFrame) -> pl.DataFrame:
    """Whoever has one of these keys (strategy, bk)."""
    nobody = source.frame(f"SELECT * FROM {REPRESENTATIVES} LIMIT 0")
    if not shared.height:
        return nobody
    tests = " OR ".join(["(strategy = ? AND bk = ?)"] * shared.height)
    parameters = [text for row in shared.select("strategy", "bk").iter_rows() for text in row]
    members = source.frame(
        f"SELECT DISTINCT datasource, pk FROM stitch_blocking_keys WHERE {tests}", parameters
    )
    return _of_keys(source, members) if members.height else nobody


def as_compared(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `unified_preprocessed_raw` as the frame that is compared."""
    lists = [pl.col(column).str.split(",") for column in LISTS if column in rows.columns]
    keys = [
        pl.col(column).str.replace_all(",", KEY_SEPARATOR, literal=True)
        for column in rows.columns
        if column.startswith("fk_")
    ]
    frame = rows.with_columns(*lists, *keys, generational_suffix=pl.col("sk_generational_suffix"))
    frame = frame.drop("sk_given_name", "sk_generational_suffix")
    return frame.with_row_index("rid").with_columns(pl.col("rid").cast(pl.Int64))
