"""Checks of what `tenant.yaml` says of the tenant itself: its time zone, country and phones.

Its keys `customer_360` and `databases` are checked in the room `customer_360`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from zoneinfo import available_timezones

from c360_assets.tenant.config_check import ConfigCheck, did_you_mean
from c360_assets.tenant.document import KeyPath

FILE = "tenant.yaml"
COUNTRY = re.compile(r"[A-Z]{2}")


def check_time_zone(check: ConfigCheck, file: str, zone: str) -> None:
    """The key `timezone` of `file` must name a zone of the time zone database."""
    zones = available_timezones()
    if zone not in zones:
        remedy = did_you_mean(zone, zones) or "use a name such as UTC or America/New_York"
        check.error(file, ("timezone",), "is no known time zone", remedy)


def check_place(check: ConfigCheck) -> None:
    config = check.tenant.config
    check_time_zone(check, FILE, config.timezone)
    if not COUNTRY.fullmatch(config.country):
        check.error(FILE, ("country",), "must be a two-letter country code", "such as US")


def check_phone_region(check: ConfigCheck) -> None:
    region = check.tenant.config.phone_region
    if region in ("nanp", "any"):
        return
    # Few tenants need it, and it is slow to import.
    from phonenumbers import SUPPORTED_REGIONS

    path: KeyPath = ("phone_region",)
    if region not in SUPPORTED_REGIONS:
        message = "no numbering plan is known of this country"
        check.error(FILE, path, message, "nanp, any, or one such as DE")


CHECKS: tuple[Callable[[ConfigCheck], None], ...] = (check_place, check_phone_region)
