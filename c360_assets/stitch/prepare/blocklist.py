"""Bad values of one tenant: the entries somebody listed, and the rules by which others are found.

Finding them by counting is `automatic_blocklist`. The global list lives in `semantics.blocklist`;
removing the values is `usable_records`.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from c360_assets.semantics.blocklist import is_blocked
from c360_assets.semantics.countries import Home
from c360_assets.semantics.normalize import cleaner

BADVALUES_SCHEMA = {
    "pk": pl.String,
    "datasource": pl.String,
    "semantic": pl.String,
    "value": pl.String,
    "num_values": pl.Int64,
    "num_proxy": pl.Int64,
    "proxy": pl.String,
    "threshold": pl.Int64,
    "domain_table": pl.String,
    "is_preprocessed": pl.Boolean,
}
_ENTRY_SCHEMA = {
    "semantic": pl.String,
    "source": pl.String,
    "value": pl.String,
    "reason": pl.String,
    "done": pl.Boolean,
}
_SEPARATOR = "\x1f"  # between source and value: neither holds it

# Why a value is not used; an enumeration takes a byte a row, and every field of every record has
# one.
REASON = pl.Enum(["global", "manual", "managed", "automatic"])

CONTRADICTION = "contradiction"  # the proxy of a foreign key whose holders are strangers

# Proxy and threshold of the rules that hold for each foreign key unless the tenant has one of its
# own for it. A key's value that meets more people than this (zero, "N/A", a till's own number) is
# no customer's, and an equal key decides a pair.
KEY_THRESHOLDS = (("given-name", 50), ("surname", 50), ("email", 100))


@dataclass(frozen=True)
class KeyRule:
    """A rule that holds for a foreign key by default."""

    semantic: str
    proxy: str
    threshold: int


class BadValueRule(Protocol):
    """One rule of automatic detection; semantics in tag spelling (`given-name`)."""

    @property
    def semantic(self) -> str: ...
    @property
    def proxy(self) -> str: ...
    @property
    def threshold(self) -> int: ...


def with_keys(rules: Iterable[BadValueRule], keys: Iterable[str]) -> list[BadValueRule]:
    """The tenant's rules, and those of `KEY_THRESHOLDS` for each foreign key that none names.

    `keys` are column names; those of foreign keys start with `fk_`.
    """
    all_rules = list(rules)
    named = {rule.semantic for rule in all_rules}
    for key in keys:
        tag = key.replace("_", "-")
        if tag.startswith("fk-") and tag not in named:
            all_rules += [KeyRule(tag, proxy, threshold) for proxy, threshold in KEY_THRESHOLDS]
    return all_rules


def contradicting(lost: pl.DataFrame) -> pl.DataFrame:
    """Rows of `stitch_badvalues` for foreign keys that holders lose to `contradicting_keys`.

    `num_proxy` is how many of the holders contradict another one.
    """
    values = lost.select("key", "value", "num_values", "num_contradicting").unique()
    rows = values.with_columns(semantic=pl.col("key").str.replace_all("_", "-"))
    rows = rows.sort("semantic", "value")
    return rows.select(
        pk=row_key(rows),
        datasource=pl.lit("*"),
        semantic="semantic",
        value="value",
        num_values="num_values",
        num_proxy="num_contradicting",
        proxy=pl.lit(CONTRADICTION),
        threshold=pl.lit(0, dtype=pl.Int64),
        domain_table=pl.lit(""),
        is_preprocessed=pl.lit(False),
    )


def entries(
    ignore: dict[str, list[str]], managed: pl.DataFrame | None = None, home: Home | None = None
) -> pl.DataFrame:
    """Listed values in the form records are compared in: `semantic, source, value, reason`,
    distinct.

    `ignore` is the settings' list per semantic (reason `manual`). `managed` has `datasource`
    (source name or `*`), `semantic`, `value` and perhaps `is_preprocessed`: such a value is taken
    as it is. Every other entry passes through the function that cleans the semantic, so that any
    spelling of an address works. `fk` means every foreign key.
    """
    manual = []
    for semantic, values in ignore.items():
        manual += [(semantic, "*", value, "manual", False) for value in values]
    frame = pl.DataFrame(manual, schema=_ENTRY_SCHEMA, orient="row")
    if managed is not None:
        frame = pl.concat([frame, _managed_entries(managed)])
    frame = frame.with_columns(pl.col("semantic").str.strip_chars().str.replace_all("_", "-"))
    by_semantic = frame.partition_by("semantic", as_dict=True, maintain_order=True)
    parts = []
    for (semantic,), part in by_semantic.items():
        cleaned = cleaner(str(semantic), home)(pl.col("value"))
        parts.append(part.with_columns(value=pl.when("done").then("value").otherwise(cleaned)))
    entries = pl.concat(parts) if parts else frame
    return entries.drop("done").drop_nulls().unique(maintain_order=True)


def _managed_entries(managed: pl.DataFrame) -> pl.DataFrame:
    done = pl.lit(False)
    if "is_preprocessed" in managed.columns:
        text = pl.col("is_preprocessed").cast(pl.String).str.to_lowercase()
        done = text.is_in(["true", "t", "1", "yes"]).fill_null(False)
    return managed.select(
        pl.col("semantic").cast(pl.String),
        source=pl.col("datasource").cast(pl.String).str.strip_chars(),
        value=pl.col("value").cast(pl.String),
        reason=pl.lit("managed"),
        done=done,
    )


def reason(
    semantic: str, value: pl.Expr, source: pl.Expr, listed: pl.DataFrame, business: bool
) -> pl.Expr:
    """Why a normalised value must be ignored: `global`, `manual` or `managed`; NULL when it may
    stay.

    `listed` comes from `entries`, `source` is the part of the datasource before the colon.
    """
    tests: list[tuple[str, pl.Expr]] = [("global", is_blocked(semantic, value, business))]
    is_key = semantic.startswith("fk-")
    names = [semantic, "fk"] if is_key else [semantic]
    # Entries are upper case, and so is a value unless its key is case-sensitive.
    compared = value.str.to_uppercase() if is_key else value
    of_semantic = listed.filter(pl.col("semantic").is_in(names))
    for kind in ("manual", "managed"):
        rows = of_semantic.filter(pl.col("reason") == kind)
        everywhere = rows.filter(pl.col("source") == "*")["value"].unique().to_list()
        of_sources = rows.filter(pl.col("source") != "*")
        pairs = (of_sources["source"] + _SEPARATOR + of_sources["value"]).unique().to_list()
        if everywhere:
            tests.append((kind, compared.is_in(everywhere)))
        if pairs:
            tests.append((kind, (source + _SEPARATOR + compared).is_in(pairs)))
    return pl.coalesce([pl.when(test).then(pl.lit(kind, REASON)) for kind, test in tests])


def row_key(rows: pl.DataFrame) -> pl.Series:
    """`pk` of rows of `stitch_badvalues`, by their semantic and value."""
    pairs = rows.select("semantic", "value").iter_rows()
    return pl.Series([_md5(semantic + value) for semantic, value in pairs], dtype=pl.String)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
