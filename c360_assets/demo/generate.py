"""Writes a whole tenant: configuration, landing files per delivery day, and the truth beside them.

The order of work: people of a chunk, their records in five sources, their orders, all appended to
the open files. Everything is a function of (people, days, seed).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from c360_assets.errors import C360Error

from . import feeds
from .config import render_config
from .customers import CALLS, LOYALTY, NEWSLETTER, SHOP, TILL
from .landing import FeedFiles, Landing, Progress
from .meetings import Source, make_records
from .orders import make_products, online_items, till_lines
from .people import CHUNK_PEOPLE, FIRST_DAY, make_people
from .values import load_values

MAX_DAYS = 60


def generate_tenant(
    root: Path,
    *,
    people: int = 5000,
    days: int = 14,
    seed: int = 1,
    progress: Progress | None = None,
) -> None:
    """Write a complete tenant folder below `root`, which must not hold a tenant yet.

    About 2.6 customer records and 9 order items per person; the first day holds the history of
    three years, each later day what changed on the day before. `truth/records.parquet` says for
    every record that loads (datasource, pk) who it is (person_id, household_id),
    `truth/people.parquet` describes the people. The same arguments give the same bytes.
    `progress(done, people)` is called after each chunk. Raises C360Error for impossible arguments
    or a folder in use.
    """
    root = Path(root)
    if people < 1 or not 1 <= days <= MAX_DAYS or seed < 0:
        raise C360Error(
            f"a demo tenant needs at least 1 person, 1 to {MAX_DAYS} days and a seed of 0 or more"
        )
    if (root / "tenant.yaml").exists() or (root / "landing").exists():
        raise C360Error(f"{root} already holds a tenant; choose an empty folder")
    _write_config(root, seed)
    # A number that no chunk has, so that the products are the same whatever the number of people.
    products = make_products(np.random.default_rng([seed, 1_000_000]))
    landing = Landing(root / "landing", feeds.FEEDS, days)
    truth = _Truth(root / "truth")
    try:
        for chunk, start in enumerate(range(0, people, CHUNK_PEOPLE)):
            count = min(CHUNK_PEOPLE, people - start)
            rng = np.random.default_rng([seed, chunk])
            _chunk(landing, truth, rng, chunk, count, days, products)
            if progress:
                progress(start + count, people)
        landing.broken_lines(feeds.SHOP_CUSTOMERS, ["C000000001x,Lost,Columns"])
        landing.broken_lines(feeds.TILL_LINES, ["0000000019,1,S"])
        landing.broken_lines(feeds.NEWSLETTER, ['{"subscriber_id": "n000000001x", "email": '])
    finally:
        landing.close()
        truth.close()
    _catalogue(root / "landing", products, days)


def _write_config(root: Path, seed: int) -> None:
    for path, text in render_config(seed=seed).items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _chunk(
    landing: Landing,
    truth: _Truth,
    rng: np.random.Generator,
    chunk: int,
    count: int,
    days: int,
    products: pl.DataFrame,
) -> None:
    people = make_people(rng, load_values(), chunk, count)
    truth.people(people)

    members = _deliver(landing, truth, rng, LOYALTY, feeds.LOYALTY_MEMBERS, people, days)
    people = _remember(people, members, "member_no")
    accounts = _deliver(landing, truth, rng, SHOP, feeds.SHOP_CUSTOMERS, people, days)
    people = _remember(people, accounts, "account_no", "_account_count")
    cards = _deliver(landing, truth, rng, TILL, feeds.TILL_CUSTOMERS, people, days)
    _deliver(landing, truth, rng, NEWSLETTER, feeds.NEWSLETTER, people, days)
    _deliver(landing, truth, rng, CALLS, feeds.CALLS, people, days)

    items = online_items(rng, accounts, products, chunk, days)
    landing.add(feeds.SHOP_ITEMS, items, rng)
    landing.add(feeds.TILL_LINES, till_lines(rng, cards, products, chunk, days), rng)


def _deliver(
    landing: Landing,
    truth: _Truth,
    rng: np.random.Generator,
    source: Source,
    files: FeedFiles,
    people: pl.DataFrame,
    days: int,
) -> pl.DataFrame:
    """Write a source's records and who is behind them; returns their first versions."""
    records = make_records(rng, source, people, days)
    landing.add(files, records.versions, rng)
    truth.records(source.datasource, records.base)
    return records.base


def _remember(
    people: pl.DataFrame, records: pl.DataFrame, key: str, count: str | None = None
) -> pl.DataFrame:
    """The first record's key of each person (and how many there are), for sources that quote it."""
    quoted = [pl.col("_key").first().alias(key)]
    if count:
        quoted.append(pl.len().cast(pl.Int64).alias(count))
    of_person = records.group_by("_person", maintain_order=True).agg(quoted)
    return people.join(
        of_person, left_on="person", right_on="_person", how="left", maintain_order="left"
    )


def _catalogue(landing: Path, products: pl.DataFrame, days: int) -> None:
    """The whole catalogue about once a week.

    The second one lacks a few products and has new prices.
    """
    still_sold = products.filter(pl.int_range(pl.len()) % 61 != 60)
    repriced = still_sold.with_columns(msrp=pl.col("msrp") * 103 // 100)
    columns = [expression.alias(name) for name, expression in feeds.PRODUCTS.columns.items()]
    for day, rows in zip(feeds.CATALOGUE_DAYS, (products, repriced), strict=True):
        if day <= days:
            delivered_on = FIRST_DAY + timedelta(days=day - 1)
            path = landing / feeds.PRODUCTS.path.format(day=f"{delivered_on:%Y%m%d}")
            path.parent.mkdir(parents=True, exist_ok=True)
            rows.select(columns).write_csv(path)


class _Truth:
    """`truth/`: who is behind each record.

    Guests and test cards are nobody: each is a person and household of its own.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}

    def _write(self, name: str, frame: pl.DataFrame) -> None:
        table = frame.to_arrow()
        if name not in self._writers:
            self._writers[name] = pq.ParquetWriter(
                self._folder / f"{name}.parquet", table.schema, compression="zstd"
            )
        self._writers[name].write_table(table)

    def people(self, people: pl.DataFrame) -> None:
        self._write(
            "people",
            people.select(
                _id("P", "person").alias("person_id"),
                _id("H", "household").alias("household_id"),
                pl.col("given").alias("given_name"),
                "surname",
                "former_surname",
                pl.col("suffix").alias("generational_suffix"),
                "birthdate",
                "gender",
            ),
        )

    def records(self, datasource: str, base: pl.DataFrame) -> None:
        is_nobody = pl.col("_nobody") if "_nobody" in base.columns else pl.lit(False)
        own_id = "X" + pl.col("_key")
        person = pl.when(is_nobody).then(own_id).otherwise(_id("P", "_person"))
        household = pl.when(is_nobody).then(own_id).otherwise(_id("H", "_household"))
        rows = base.select(
            datasource=pl.lit(datasource),
            pk=pl.col("_key"),
            person_id=person,
            household_id=household,
        )
        self._write("records", rows.sort("pk"))

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


def _id(prefix: str, column: str) -> pl.Expr:
    return prefix + pl.col(column).cast(pl.String).str.zfill(8)
