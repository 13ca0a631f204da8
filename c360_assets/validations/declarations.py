"""What a report is made of: the kinds of figures, and the conditions that several reports share.

A report is one `Report` in the module of its subject, collected by `reports`. Its figures read
columns by the documented name of their tag (`item_revenue`), whatever the feed calls them, and
`<column>_missing` for the text columns named in `TEXTS`; `relation` gives a table that shape,
`compile` turns figures into few scans. Nothing here knows a table or runs a query.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from c360_assets.semantics.blocklist import blocked_values
from c360_assets.semantics.text import WHITE_SPACE
from c360_assets.warehouse.sql import quote_literal

RC = "(is_return OR is_cancellation)"
PURCHASE = "(NOT is_return AND NOT is_cancellation)"
MONEY_TOLERANCE = "0.01"
RATE_TOLERANCE = "0.01"


@dataclass(frozen=True, kw_only=True)
class Item:
    """What all figures have.

    `needs` are tags without which this figure is left out, `advice` replaces the report's. A
    `finding` is something the reader should correct, once it is above `over`; other figures
    explain. A `mild` one comes after the others, however many rows it has: a source that never asks
    for an address misses it in every row. One with a `plan` is a finding only where the tenant's
    phone numbers are held against that numbering plan.
    """

    name: str
    needs: tuple[str, ...] = ()
    finding: bool = False
    mild: bool = False
    over: float = 0
    advice: str = ""
    plan: str = ""


@dataclass(frozen=True, kw_only=True)
class Count(Item):
    """Rows in `scope` for which `when` is true.

    `<name>_count` and, unless `share` is off, `<name>_pct`. Rows of the scope in which a column of
    `fields` is NULL cannot be judged: they are neither counted nor in the denominator.
    """

    when: str
    scope: str = "TRUE"
    fields: tuple[str, ...] = ()
    share: bool = True
    finding: bool = True

    @property
    def judged(self) -> str:
        """The rows that can be judged."""
        tests = [f"{field} IS NOT NULL" for field in self.fields]
        if self.scope != "TRUE":
            tests.insert(0, f"({self.scope})")
        return " AND ".join(tests) or "TRUE"


@dataclass(frozen=True, kw_only=True)
class Values(Item):
    """Values of a tag that several columns may carry, for which `when` is true of `{v}`.

    `<name>_count`, and `<name>_pct`. Missing values are left out. The share is of all values, or of
    all rows with `of_rows`; none without `share`.
    """

    tag: str
    when: str
    share: bool = True
    of_rows: bool = False


@dataclass(frozen=True, kw_only=True)
class Total(Item):
    """A sum over the rows.

    `sql` is an aggregate whose values of two halves of a table add up to that of the table.
    """

    sql: str


@dataclass(frozen=True, kw_only=True)
class Whole(Item):
    """An aggregate over the whole table that cannot be added up from parts."""

    sql: str


@dataclass(frozen=True, kw_only=True)
class Unique(Item):
    """How many different values: `name`, and `share` as their percentage of the rows.

    `column` is a text column whose missing values are left out, or `email` or `phone`: then all
    columns with that tag, compared as lower-case address or last ten digits.
    """

    column: str
    share: str = ""


@dataclass(frozen=True, kw_only=True)
class Orders(Item):
    """Orders for which the aggregate `when` over their rows is true.

    `rows` counts those of their rows instead of the orders. `share` names the percentage of `rows`
    among all rows for which `rows` is true.
    """

    when: str
    rows: str = ""
    share: str = ""


@dataclass(frozen=True, kw_only=True)
class Ratio(Item):
    """A text that depends on the share of one number of orders in another.

    The first of `words` at or above `least`, else the second.
    """

    part: str
    whole: str
    least: float
    words: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Keys(Item):
    """Values of `key` whose rows fulfil the aggregate `having`; `where` narrows the rows.

    `key` are columns, none of them missing; `optional` ones join it where the table has them.
    """

    key: tuple[str, ...]
    optional: tuple[str, ...] = ()
    where: str = "TRUE"
    having: str = "count(*) > 1"


@dataclass(frozen=True, kw_only=True)
class Listing(Item):
    """The values of a text column by number of rows, as words.

    `show`: `top` the most frequent, `top_share` its share of all rows in percent, `all` every one
    with its rows, `outside` those not among `allowed`.
    """

    column: str
    show: str
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Across(Item):
    """A figure over all tables that have the report: what their values of `column` have in common.

    Different values are counted. `show`: `all` of them together, `all_share` of all rows,
    `exclusive` to the table, or `shared` with another.
    """

    column: str
    show: str


@dataclass(frozen=True, kw_only=True)
class Loaded(Item):
    """A figure of the feed's load log.

    `show`: rows `without_key`, or rows `replaced` by another of their key.
    """

    show: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """One report.

    `needs` are full tags that must all be on the table; `a|b` is satisfied by either, `a/*` by any
    of a group. `reason` says why it matters, `advice` what to do about a finding, in a line. A NULL
    in one of the columns `unknown` makes a row one that is not evaluated. `feeds_only` leaves out
    custom domain tables.
    """

    id: str
    title: str
    category: str
    reason: str
    advice: str
    needs: tuple[str, ...]
    items: tuple[Item, ...]
    unknown: tuple[str, ...] = ()
    feeds_only: bool = False

    @property
    def table(self) -> str:
        return self.id.lower().replace("-", "_")

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(tag for need in self.needs for tag in need.split("|"))


@dataclass(frozen=True)
class Series:
    """Reports of one category, numbered behind one prefix."""

    prefix: str
    category: str

    def report(
        self,
        number: int,
        title: str,
        reason: str,
        advice: str,
        needs: tuple[str, ...],
        *items: Item,
        unknown: tuple[str, ...] = (),
        feeds_only: bool = False,
    ) -> Report:
        return Report(
            id=f"{self.prefix}{number:02}",
            title=title,
            category=self.category,
            reason=reason,
            advice=advice,
            needs=needs,
            items=items,
            unknown=unknown,
            feeds_only=feeds_only,
        )


# Columns of text whose emptiness reports ask for: `<name>_missing`.
TEXTS = frozenset(
    {
        "order_id",
        "product_id",
        "store_id",
        "purchase_channel",
        "digital_channel",
        "currency",
        "customer_key",
        "given_name",
        "surname",
        "address",
        "postal",
        "state",
        "email",
        "phone",
        "event_type",
        "request_id",
        "request_type",
        "request_strategy",
        "request_phone",
    }
)


def missing(value: str) -> str:
    """The test that a text holds nothing: NULL or white space, whatever the script.

    Almost every text begins with a printable ASCII character, which a comparison of its first bytes
    tells without a pattern.
    """
    return (
        f"CASE WHEN {value} >= '!' AND {value} < chr(127) THEN FALSE"
        f" ELSE coalesce(NOT regexp_matches({value}, '[^{WHITE_SPACE}]'), TRUE) END"
    )


def blocked(semantic: str, value: str) -> str:
    """The test that a value is on the global blocklist of its semantic, as plain SQL.

    The `value` of an e-mail address or phone number is a column from which `contacts` derives the
    parts that are tested; without `@` it is no blocked e-mail.
    """
    if semantic == "email":
        return f"regexp_matches({value}_address, {quote_literal(_blocked_email_pattern())})"
    values_sql = ", ".join(map(quote_literal, blocked_values(semantic)))
    if semantic == "phone":
        return f"right({value}_digits, 10) IN ({values_sql})"
    return f"upper(trim({value})) IN ({values_sql})"


def _blocked_email_pattern() -> str:
    """One pattern instead of lists.

    An address is looked up as a whole, by what is before the `@`, and by what is behind it.
    """
    whole = [value for value in blocked_values("email", "whole") if "@" in value]
    logins = [*blocked_values("email", "word"), *blocked_values("email", "local")]
    domains = blocked_values("email", "domain")
    return f"^(?:{_any(whole)})$|^(?:{_any(logins)})@|@(?:{_any(domains)})$"


def _any(values: Sequence[str]) -> str:
    return "|".join(re.escape(value) for value in values)


def apart(difference: str, tolerance: str) -> str:
    """The test that two amounts differ by more than the tolerance."""
    # Rounding removes what floating point adds to a difference.
    return f"round(abs({difference}), 6) > {tolerance}"


def txn(*names: str) -> tuple[str, ...]:
    """Full tags of transaction columns; `a|b` stands for either."""
    return tuple(_transaction_need(name) for name in names)


def _transaction_need(name: str) -> str:
    return "|".join(f"txn-item/{option}" for option in name.split("|"))
