"""The last gate before sending: whether an address may be used, by channel, brand and purpose.

Read from the newest loaded statements and joined on the address that will be sent to, not on the
person. Several statements: any no is no. No statement is no.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from c360_assets.errors import C360Error
from c360_assets.tenant.campaigns import PostConsent, Purpose
from c360_assets.tenant.models import CampaignConfig, Tenant
from c360_assets.warehouse.sql import quote_ident, quote_literal

# Channel -> the column of customer_360 that holds its address.
ADDRESSES = {"email": "email", "sms": "phone", "post": "address"}


@dataclass(frozen=True)
class Gate:
    """Where the statements for one campaign are, and how they are read.

    `table` is the table of statements, `answers` a SELECT over it of `address_key` and `is_yes`;
    `key` is the expression over a person's row that is compared with it, `words` what a statement
    must say to count, by its column.
    """

    table: str
    answers: str
    key: str
    words: Mapping[str, str]


def address_key(channel: str, prefix: str = "") -> str:
    """The key of the address of a row of customer_360, the same for each spelling of it."""
    if channel in ("email", "sms"):
        return contact_key(channel, f"{prefix}{ADDRESSES[channel]}")
    return post_key([f"{prefix}{name}" for name in ("address", "city", "postal")])


def contact_key(channel: str, column: str) -> str:
    """The key of an e-mail or phone in the column `column` (SQL)."""
    return f"email_key({column})" if channel == "email" else f"phone_key({column})"


def post_key(columns: list[str]) -> str:
    """The key of an address in these columns (SQL): letters and digits of any script, each part for
    itself, without case and accents; NULL where all are empty."""
    parts = [_letters(f"CAST({column} AS VARCHAR)") for column in columns]
    joined = " || '|' || ".join(parts)
    empty = "|" * (len(parts) - 1)
    return f"nullif({joined}, '{empty}')"


def _letters(text: str) -> str:
    plain = f"replace(strip_accents(lower(coalesce({text}, ''))), 'ß', 'ss')"
    return rf"regexp_replace({plain}, '[^\p{{L}}\p{{M}}\p{{N}}]', '', 'g')"


def gate_of(tenant: Tenant, campaign: CampaignConfig) -> Gate | None:
    """The gate of a campaign, None where it says why none is asked.

    Raises C360Error where the purpose knows no source for the channel.
    """
    if campaign.purpose is None:
        return None
    return purpose_gate(tenant, campaign.purpose, campaign.channel, brand_of(tenant, campaign))


def brand_of(tenant: Tenant, campaign: CampaignConfig) -> str | None:
    """The brand whose statements count: the campaign's, else that of its database."""
    if campaign.brand is not None:
        return campaign.brand
    database = tenant.config.databases.get(campaign.database)
    return database.filter.get("database_key") if database is not None else None


def purpose_gate(tenant: Tenant, name: str, channel: str, brand: str | None) -> Gate:
    purpose = tenant.workflow.purposes.get(name)
    if purpose is None:
        raise C360Error(f"workflow.yaml: purposes has no {name}")
    wanted = _of_channel(purpose, channel)
    if wanted is None:
        raise C360Error(
            f"workflow.yaml: purposes.{name} says nothing of {channel}: "
            "nobody can have agreed to it"
        )
    if isinstance(wanted, PostConsent):
        return _post_gate(wanted, brand)
    table = statements_table(channel)
    status = f"is_{channel}_opted_in"
    words = {"brand": brand, **wanted} if brand is not None else wanted
    conditions = [f"{address_key(channel)} IS NOT NULL", *said(words)]
    answers = (
        f"SELECT {address_key(channel)} AS address_key, "
        f"bool_and(coalesce({status}, FALSE)) AS is_yes "
        f"FROM {table} WHERE {' AND '.join(conditions)} GROUP BY 1"
    )
    return Gate(table, answers, address_key(channel, "p."), words)


def statements_table(channel: str) -> str:
    """The table of statements of e-mail or text messages."""
    return f"{channel}_opt_status"


def _of_channel(purpose: Purpose, channel: str) -> dict[str, str] | PostConsent | None:
    found: dict[str, str] | PostConsent | None = getattr(purpose, channel)
    return found


def said(words: Mapping[str, str]) -> list[str]:
    """The conditions (SQL) of a statement that says these words, each in its column."""
    return [
        f"lower(trim({quote_ident(column)})) = {quote_literal(value.strip().lower())}"
        for column, value in words.items()
    ]


def _post_gate(wanted: PostConsent, brand: str | None) -> Gate:
    columns = [quote_ident(column) for column in wanted.address]
    key = post_key(columns)
    answer = f"coalesce(TRY_CAST({quote_ident(wanted.opted_in)} AS BOOLEAN), FALSE)"
    words: dict[str, str] = {}
    if wanted.brand is not None and brand is not None:
        words = {wanted.brand: brand}
    conditions = [f"{key} IS NOT NULL", *said(words)]
    answers = (
        f"SELECT {key} AS address_key, bool_and({answer}) AS is_yes "
        f"FROM {quote_ident(wanted.table)} WHERE {' AND '.join(conditions)} GROUP BY 1"
    )
    people = [f"p.{quote_ident(column)}" for column in wanted.address]
    return Gate(wanted.table, answers, post_key(people), words)
