"""The SQL of a table of the database as Spark runs it: with the functions that such SQL shares.

How SQL is translated is `warehouse.spark_sql`.
"""

from __future__ import annotations

from functools import cache

from c360_assets.customer_360.rendering.render import macro_statements
from c360_assets.semantics.countries import Home
from c360_assets.warehouse import spark_sql as translation
from c360_assets.warehouse.spark_sql import Functions, functions_of


@cache
def shared_functions(home: Home | None) -> Functions:
    """The functions of the database's SQL, which read phone numbers as at `home`."""
    return functions_of(macro_statements(home=home))


def spark_sql(sql: str, home: Home | None = None) -> str:
    """`sql` (one SELECT for DuckDB) for Spark: shared functions written out as they are at `home`,
    the rest translated.

    Raises C360Error for a recursive query, as `warehouse.spark_sql` does.
    """
    return translation.spark_sql(sql, shared_functions(home))
