"""SQL text of every table that ships: a template filled with what the tenant configured.

`render` gives the one SELECT that fills a table, formatted so that a person can read, paste and
change it. What is configurable stands in the `*_values` modules and `merge_policy`; the SQL itself
in `templates/`. Dependencies belong to `graph`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from c360_assets.customer_360.rendering import (
    customer_values,
    email_values,
    merge_policy,
    transaction_values,
)
from c360_assets.customer_360.rendering.gathered_tables import (
    BY_NAME,
    DERIVED,
    SEMANTIC_TABLES,
    columns_of,
    contributions_of,
    contributors,
    plain_ident,
)
from c360_assets.semantics.addresses import POSTAL_MACROS
from c360_assets.semantics.countries import Home
from c360_assets.semantics.names import name_macros
from c360_assets.semantics.phone_plans import home_plan, phone_plan_macros
from c360_assets.semantics.text import WHITE_SPACE
from c360_assets.semantics.validity import VALIDITY_MACROS
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.digest import code_version, fingerprint
from c360_assets.warehouse.kept_answers import kept_answer
from c360_assets.warehouse.sql import quote_ident, quote_literal

if TYPE_CHECKING:
    from jinja2 import Environment

RUN_CONTEXT = "run_context"
SUMMARY = "email_engagement_summary"


@cache
def _environment() -> Environment:
    # It is slow to import, and what a template gives is mostly known already.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("c360_assets.customer_360"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        autoescape=False,  # SQL, not HTML: names and values pass the filters below
    )
    environment.globals["white_space"] = WHITE_SPACE
    environment.filters["ident"] = plain_ident
    environment.filters["quoted"] = quote_ident
    environment.filters["literal"] = quote_literal
    return environment


def _filled(template: str, values: Mapping[str, Any]) -> str:
    """The text of a template, kept by all that it is made from where that can be told."""

    def fill() -> str:
        return _environment().get_template(template).render(values)

    try:
        told = json.dumps(values, default=_told, sort_keys=True)
    except TypeError:
        return fill()
    asked = (room_version(), WHITE_SPACE, template, told)
    return str(kept_answer("rendered", asked, fill))


def _told(value: object) -> object:
    """A value of a template as JSON tells it whole. Raises TypeError for others."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = {part.name: getattr(value, part.name) for part in fields(value)}
        return [type(value).__name__, parts]
    if isinstance(value, set | frozenset):
        return ["set", sorted(value)]
    raise TypeError(type(value).__name__)


@cache
def room_version() -> str:
    """Digest of what makes texts of SQL here: this room's code and templates, and Jinja."""
    return fingerprint(code_version(Path(__file__).parents[1]), version("jinja2"))


def macro_statements(schema: str | None = None, *, home: Home | None = None) -> list[str]:
    """Statements that create the functions the SQL uses.

    Temporary ones, or in a database `schema` for publication. Phone numbers are compared, and full
    names taken apart, as they are at `home`.
    """
    text = _filled("macros.sql", {})
    without_comments = re.sub(r"(?m)^--.*$", "", text)
    statements = [part.strip() for part in re.split(r";\s*(?:\n|$)", without_comments)]
    own = [
        re.sub(r"^CREATE MACRO", "CREATE OR REPLACE TEMP MACRO", statement)
        for statement in statements
        if statement
    ]
    temporary = [
        *VALIDITY_MACROS,
        *phone_plan_macros(home_plan(home)),
        *POSTAL_MACROS,
        *name_macros(home),
        *own,
    ]
    if schema is None:
        return temporary
    created = f"CREATE OR REPLACE MACRO {schema}."
    return [
        re.sub(r"^CREATE OR REPLACE TEMP MACRO ", created, statement) for statement in temporary
    ]


def macros_named_in(sql: str, home: Home | None = None) -> list[str]:
    """The temporary ones of `macro_statements` whose names stand in `sql`, and those that they use,
    in the same order."""
    statements = macro_statements(home=home)
    named = {macro_name(statement): statement for statement in statements}
    wanted: set[str] = set()
    texts = [sql]
    while texts:
        text = texts.pop().lower()
        found = {name for name in named if name in text} - wanted
        wanted |= found
        texts += [named[name] for name in found]
    return [statement for name, statement in named.items() if name in wanted]


def macro_name(statement: str) -> str:
    """The name of the function that one of `macro_statements` creates, in small letters."""
    return statement.partition(" MACRO ")[2].partition("(")[0].strip().lower()


def available_tables(tenant: Tenant) -> frozenset[str]:
    """Tables that have data of this tenant behind them; the others exist too, empty."""
    names = {table.name for table in SEMANTIC_TABLES if contributors(tenant, table)}
    tenants_own = (
        *tenant.database_sql,
        *tenant.config.customer_360.passthrough,
        *(table.physical for table in tenant.tables),
    )
    names |= {name.lower() for name in tenants_own}
    if summary_from_events(tenant):
        names.add(SUMMARY)
    if "unified_itemized_transactions" in names:
        names |= {"unified_transactions", "transaction_attributes_extended"}
    return frozenset(names)


def summary_from_events(tenant: Tenant) -> bool:
    """Whether engagement is counted from e-mail events.

    It is where there are events and no source sends a summary.
    """
    if contributors(tenant, BY_NAME[SUMMARY]):
        return False
    return bool(contributors(tenant, BY_NAME["unified_email_events"]))


def template_of(name: str, tenant: Tenant) -> str:
    """The file of `templates/` that a shipped table is rendered from."""
    if name == SUMMARY and summary_from_events(tenant):
        return "email_events_summary"
    return "union_all" if name in BY_NAME else name


def render(name: str, tenant: Tenant, available: frozenset[str] | None = None) -> str:
    """The SELECT that fills the shipped table `name` for this tenant.

    Raises KeyError for a table that does not ship.
    """
    template = template_of(name, tenant)
    if template == "email_events_summary":
        values = email_values.events_summary()
    elif name in BY_NAME:
        values = _union_values(name, tenant)
    else:
        if available is None:
            available = available_tables(tenant)
        values = TEMPLATES[name](tenant, available)
    text = _filled(f"{template}.sql", values)
    # Blocks that a tenant has not leave empty lines behind.
    return re.sub(r"\n{2,}", "\n", text).strip() + "\n"


def _union_values(name: str, tenant: Tenant) -> dict[str, Any]:
    table = BY_NAME[name]
    columns = columns_of(tenant, table)
    contributions = contributions_of(tenant, table)
    contributed = list(columns)
    if contributions:
        contributed = [column for column, _ in contributions[0].columns]
    return {
        "name": name,
        "prefix": table.prefix,
        "contributions": contributions,
        "columns": columns,
        "contributed_columns": contributed,
        "consent": table.consent,
        "by_email": table.by_email,
        "derived": DERIVED,
    }


def _nothing(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    return {}


TEMPLATES: dict[str, Callable[[Tenant, frozenset[str]], dict[str, Any]]] = {
    "unified_transactions": transaction_values.unified_transactions,
    "transaction_attributes_extended": transaction_values.transaction_attributes_extended,
    "email_ampid_assignment": email_values.email_ampid_assignment,
    "merged_customers": merge_policy.values,
    "address_standardization": customer_values.address_standardization,
    "merged_households": customer_values.merged_households,
    "customer_attributes": customer_values.customer_attributes,
    "customer_360": customer_values.customer_360,
    "all_opted_in_emails": _nothing,
    "email_engagement_attributes": email_values.email_engagement_attributes,
    "pii_table": customer_values.pii_table,
}
SHIPPED = (*BY_NAME, *TEMPLATES)
