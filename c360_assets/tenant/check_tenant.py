"""Checks of what `tenant.yaml` says of the tenant itself: its time zone, country and phones.

Its keys `customer_360` and `databases` are checked in the room `customer_360`.
"""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import available_timezones

from c360_assets.semantics.countries import country_codes, country_names
from c360_assets.semantics.phone_plans import regions
from c360_assets.tenant.config_check import ConfigCheck, did_you_mean
from c360_assets.tenant.document import KeyPath

FILE = "tenant.yaml"


def check_time_zone(check: ConfigCheck, file: str, zone: str) -> None:
    """The key `timezone` of `file` must name a zone of the time zone database."""
    zones = available_timezones()
    if zone not in zones:
        remedy = did_you_mean(zone, zones) or "use a name such as UTC or America/New_York"
        check.error(file, ("timezone",), "is no known time zone", remedy)


def check_place(check: ConfigCheck) -> None:
    config = check.tenant.config
    check_time_zone(check, FILE, config.timezone)
    path: KeyPath = ("country",)
    if config.country is None:
        if not _has_local_values(check):
            return
        message = "is not set: phones, states and streets are read as written in the United States"
        check.warning(FILE, path, message, "country: GB (or your own) reads them as written there")
    elif config.country not in country_codes():
        named = country_names().get("".join(filter(str.isalnum, config.country.upper())))
        remedy = f"{named}" if named else "two capital letters of ISO 3166, such as US or GB"
        check.error(FILE, path, "must be a two-letter country code", remedy)


def _has_local_values(check: ConfigCheck) -> bool:
    """Whether there are values whose reading depends on the country."""
    tags = ("phone", "state", "address")
    return any(table.columns_with(tag) for table in check.tenant.tables for tag in tags)


def check_phone_region(check: ConfigCheck) -> None:
    region = check.tenant.config.phone_region
    if region in (None, "nanp", "any") or region in regions():
        return
    message = "no numbering plan is known of this country"
    check.error(FILE, ("phone_region",), message, "nanp, any, or one such as DE")


CHECKS: tuple[Callable[[ConfigCheck], None], ...] = (check_place, check_phone_region)
