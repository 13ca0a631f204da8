"""The merge policy as values for the template of merged_customers.

Groups of fields, their completeness, and who is trusted. Which SQL these values become is the
template's matter; the configuration model is `tenant.models.MergePolicy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from c360_assets.customer_360.rendering.gathered_tables import plain_ident
from c360_assets.semantics.countries import ADDRESS_PARTS, country_facts
from c360_assets.semantics.phone_plans import e164_column
from c360_assets.semantics.text import WHITE_SPACE
from c360_assets.tenant.models import MergePolicy, Tenant
from c360_assets.tenant.tenant_folder import NORTH_AMERICAN

ADDRESS_COLUMNS = ("address", "address2", "city", "state", "postal", "country")


@dataclass(frozen=True)
class Group:
    """Fields that come from one record together.

    A column has its `name` in merged_customers, its `sql`, and an `alias` among the records that
    are compared: a tenant's own names must not meet what the template calls its columns. A `named`
    group reports where it came from (`<g>_pk` and so on); `blocked` is the SQL of its blocklist
    flag.
    """

    name: str
    columns: tuple[dict[str, str], ...]
    completion: str
    named: bool = True
    blocked: str | None = None
    rank_first: bool = False

    @property
    def priority(self) -> str:
        return f"{self.name}_priority" if self.named else "source_priority"

    @property
    def order_completion(self) -> str:
        return f"LEAST({self.name}_completion, 1)" if self.rank_first else f"{self.name}_completion"

    @property
    def output(self) -> list[dict[str, str]]:
        """Columns of merged_customers that it fills, with their source in the ranked records."""
        columns = [{"name": column["name"], "source": column["alias"]} for column in self.columns]
        if not self.named:
            return columns
        own = f"{self.name}_"
        judged_by = ["priority", "completion"]
        if self.blocked:
            judged_by.append("blv")
        record = ("pk", "datasource", "update_dt")
        columns += [{"name": own + what, "source": what} for what in record]
        columns += [{"name": own + what, "source": own + what} for what in judged_by]
        return columns


def phone_region(tenant: Tenant) -> str:
    """The numbering plan of a possible phone number, `nanp` or `any`.

    North American rules are applied only where the tenant is at home there.
    """
    return NORTH_AMERICAN if tenant.phone_region == NORTH_AMERICAN else "any"


def has_local_forms(tenant: Tenant) -> bool:
    """Whether merged_customers has the columns of `stitch.prepare.local_forms`.

    A tenant's own version of the table need not have them.
    """
    return tenant.home is not None and "merged_customers" not in tenant.database_sql


def address_needs(tenant: Tenant) -> tuple[str, ...]:
    """The columns of a whole address at the tenant's home."""
    return country_facts(tenant.home.country).address_needs if tenant.home else ADDRESS_PARTS


def values(tenant: Tenant, available: frozenset[str]) -> dict[str, Any]:
    """Template values of merged_customers for this tenant."""
    policy = tenant.merge_policy
    is_local = tenant.home is not None
    groups = _groups(policy, phone_region(tenant), address_needs(tenant), has_local=is_local)
    # unified_coalesced has this column only where a source is tagged with it.
    is_tagged = any(table.columns_with("loyalty-id") for table in tenant.stitched_tables)
    loyalty_id = "clean(uc.loyalty_id)" if is_tagged else "CAST(NULL AS VARCHAR)"
    groups.append(_single("loyalty_id", loyalty_id))
    names = [group.name for group in groups if group.named]
    # The e-mail's priority is known in both modes: it also picks the record behind an assigned one.
    if "email" not in names:
        names.append("email")
    return {
        "best_email": policy.best_email,
        "complete_names": policy.name_parts == "complete",
        "groups": groups,
        "named_groups": [{"name": name} for name in names],
        "priorities": _priorities(tenant, names),
    }


def _priorities(tenant: Tenant, groups: list[str]) -> list[dict[str, Any]]:
    """One row per source that Stitch reads or the policy names.

    Its ranks are its general priority, then that per group.
    """
    policy = tenant.merge_policy
    ranked: dict[tuple[str, str], int] = {}
    for group, datasources in policy.rank.items():
        for place, datasource in enumerate(datasources, start=1):
            ranked[datasource, group] = place
    named = {table.name for table in tenant.stitched_tables}
    named |= policy.source_priority.keys() | policy.field_priority.keys()
    named |= {datasource for datasource, _ in ranked}
    rows = []
    for datasource in sorted(named):
        of_fields = policy.field_priority.get(datasource, {})
        ranks = [policy.source_priority.get(datasource)]
        ranks += [ranked.get((datasource, group), of_fields.get(group)) for group in groups]
        rows.append({"datasource": datasource, "ranks": ranks})
    return rows


def _groups(
    policy: MergePolicy, region: str, address_needs: Sequence[str], *, has_local: bool
) -> list[Group]:
    """All groups of merged_customers but the loyalty id, in the order of its columns."""
    groups = [
        _shipped_group(
            "name",
            _name_columns(policy),
            NAME_COMPLETION[policy.name_completion],
            policy,
            ("blv_given_name", "blv_surname"),
        ),
        _shipped_group(
            "address",
            _address_columns(has_local=has_local),
            _address_completion(address_needs),
            policy,
            ("blv_address",),
        ),
    ]
    if policy.best_email == "priority":
        email = {"email": _candidate("email", policy, "first_email(uc.email)")}
        groups.append(_shipped_group("email", email, _count(("email",)), policy, ("blv_email",)))
    phones = {"phone": _candidate("phone", policy, f"first_phone(uc.phone, '{region}')")}
    if has_local:
        phones["phone_e164"] = _international_candidate(policy)
    groups += [
        _shipped_group("phone", phones, _count(("phone",)), policy, ("blv_phone",)),
        _shipped_group("birthdate", {"birthdate": "uc.birthdate"}, _count(("birthdate",)), policy),
        _shipped_group("gender", {"gender": "clean(uc.gender)"}, _count(("gender",)), policy),
    ]
    for name, custom in policy.custom_groups.items():
        groups.append(_custom_group(name, custom.columns, policy))
    return [*groups, _single("title", "clean(uc.title)"), _single("company", "clean(uc.company)")]


def _shipped_group(
    name: str,
    columns: dict[str, str],
    completion: str,
    policy: MergePolicy,
    flags: tuple[str, ...] = (),
) -> Group:
    """A group of documented columns (name -> SQL); `flags` are those of its blocklist."""
    blocked = None
    if flags and policy.use_blocklist:
        blocked = " OR ".join(f"COALESCE(uc.{flag}, FALSE)" for flag in flags)
    return Group(
        name=name,
        columns=tuple(
            {"name": column, "alias": column, "sql": sql} for column, sql in columns.items()
        ),
        completion=completion,
        blocked=blocked,
        rank_first=policy.order == "rank_first",
    )


def _name_columns(policy: MergePolicy) -> dict[str, str]:
    full_name = "clean(uc.full_name)"
    if policy.full_name == "concat":
        full_name = "NULLIF(CONCAT_WS(' ', clean(uc.given_name), clean(uc.surname)), '')"
    return {
        "given_name": "clean(uc.given_name)",
        "surname": "clean(uc.surname)",
        "full_name": full_name,
        "generational_suffix": "clean(uc.generational_suffix)",
    }


def _address_columns(*, has_local: bool) -> dict[str, str]:
    columns = {column: f"clean(uc.{column})" for column in ADDRESS_COLUMNS}
    # Of a postal code the marks of exports are taken off, as matching does.
    columns["postal"] = "postal_text(uc.postal)"
    if has_local:
        columns |= {"address_standard": "uc.address_standard", "state_code": "uc.state_code"}
    return columns


def _custom_group(name: str, columns: list[str], policy: MergePolicy) -> Group:
    """A group that the tenant declares: its columns may be called anything."""
    aliases = {f"{name}_value_{number}": column for number, column in enumerate(columns, start=1)}
    filled = tuple(
        {"name": column, "alias": alias, "sql": f"clean(uc.{plain_ident(column)})"}
        for alias, column in aliases.items()
    )
    rank_first = policy.order == "rank_first"
    return Group(name, filled, _count(tuple(aliases)), rank_first=rank_first)


def _single(column: str, sql: str) -> Group:
    """A column of its own that does not report where it came from."""
    columns = ({"name": column, "alias": column, "sql": sql},)
    return Group(column, columns, _count((column,)), named=False)


NAME_COMPLETION = {
    # A full name of one word is no more than a given name.
    "intent": (
        "CASE WHEN (given_name IS NOT NULL AND surname IS NOT NULL)"
        f" OR regexp_matches(full_name, '[{WHITE_SPACE}]') THEN 2 "
        "WHEN COALESCE(given_name, surname, full_name) IS NOT NULL THEN 1 ELSE 0 END"
    ),
    "binary": (
        "CASE WHEN (given_name IS NOT NULL AND surname IS NOT NULL) OR full_name IS NOT NULL"
        " THEN 1 ELSE 0 END"
    ),
}


def _count(columns: tuple[str, ...]) -> str:
    return " + ".join(f"CASE WHEN {column} IS NULL THEN 0 ELSE 1 END" for column in columns)


def _address_completion(needed: Sequence[str]) -> str:
    """How many of the documented four parts are known; 4 where all are that addresses at home must
    have, as they name no state in most countries, and no postal code or city in some."""
    known = _count(ADDRESS_PARTS)
    if set(needed) == set(ADDRESS_PARTS):
        return known
    is_whole = " AND ".join(f"{column} IS NOT NULL" for column in needed)
    return f"CASE WHEN {is_whole} THEN {len(ADDRESS_PARTS)} ELSE {known} END"


def _international_candidate(policy: MergePolicy) -> str:
    """The international form of the phone that `_candidate` picks."""
    cases = []
    for name in policy.multi_value.get("phone", []):
        filled = f"clean(uc.{plain_ident(name)}) IS NOT NULL"
        cases.append(f"WHEN {filled} THEN uc.{plain_ident(e164_column(name))}")
    return f"CASE {' '.join(cases)} END" if cases else "uc.phone_e164"


def _candidate(column: str, policy: MergePolicy, first: str) -> str:
    """A record's one value of a field that may hold several.

    The first filled column of the configured order, else what the SQL `first` picks.
    """
    configured = policy.multi_value.get(column)
    if not configured:
        return first
    values_sql = ", ".join(f"clean(uc.{plain_ident(name)})" for name in configured)
    return f"COALESCE({values_sql})"
