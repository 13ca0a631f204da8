"""What a report is made of, and the conditions that several reports share.

A predicate reads columns by the documented name of their tag (`item_revenue`), whatever the feed calls them; `compile` turns a
declaration and a table into SQL. The reports themselves are data in the modules beside this one, collected by `reports`.
"""

from __future__ import annotations

from dataclasses import dataclass

RC = "(is_return OR is_cancellation)"
PURCHASE = "(NOT is_return AND NOT is_cancellation)"
MONEY_TOLERANCE = "0.01"
RATE_TOLERANCE = "0.01"


@dataclass(frozen=True)
class Count:
    """Rows in `scope` for which `when` is true: `<name>_count` and, unless `share` is off, `<name>_pct`.

    Rows of the scope in which a column of `fields` is NULL cannot be judged: they are neither counted nor in the
    denominator. A `finding` is something the reader should mend; other counts explain.
    """

    name: str
    when: str
    scope: str = "TRUE"
    fields: tuple[str, ...] = ()
    share: bool = True
    finding: bool = True
    tag: str = ""  # left out on tables without this tag


@dataclass(frozen=True)
class Figure:
    """One aggregate over the whole table. `kind` is how it is stored: a number or a text."""

    name: str
    sql: str
    text: bool = False
    finding: bool = False
    tag: str = ""


@dataclass(frozen=True)
class Report:
    """One report. `needs` are full tags that must all be on the table; `a|b` is satisfied by either."""

    id: str
    title: str
    category: str
    reason: str
    needs: tuple[str, ...]
    metrics: tuple[Count | Figure, ...]
    values: str = ""  # `email` or `phone`: the metrics also see that tag's values one per row, as relation `vals`

    @property
    def table(self) -> str:
        return self.id.lower().replace("-", "_")

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(tag for need in self.needs for tag in need.split("|"))


def missing(column: str) -> str:
    """The test that a text column holds nothing: NULL or white space, whatever the script."""
    return f"({column} IS NULL OR NOT regexp_matches({column}, '[^\\s\\p{{Z}}]'))"


HAS_ORDER_ID = f"NOT {missing('order_id')}"
HAS_PRODUCT_ID = f"NOT {missing('product_id')}"
HAS_PURCHASE_CHANNEL = f"NOT {missing('purchase_channel')}"
HAS_STORE_ID = f"NOT {missing('store_id')}"


def others(column: str, allowed: str) -> str:
    """The distinct values of `column` outside `allowed`, as one text."""
    return (
        f"(SELECT string_agg(v, ', ' ORDER BY v) FROM (SELECT DISTINCT trim({column}) AS v FROM t"
        f" WHERE NOT {missing(column)} AND trim({column}) NOT IN ({allowed})))"
    )


def txn(*names: str) -> tuple[str, ...]:
    """Full tags of transaction columns; `a|b` stands for either."""
    return tuple("|".join(f"txn-item/{n}" for n in name.split("|")) for name in names)
