"""Checks of what `tenant.yaml` says of the tenant itself: its time zone, country, phones, and the
form of its warehouse's address. Whether a bucket can be used is for `configuration` to ask.

Its keys `customer_360` and `databases` are checked in the room `customer_360`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from zoneinfo import available_timezones

from c360_assets.semantics.countries import country_codes, country_names
from c360_assets.semantics.phone_plans import regions
from c360_assets.tenant.config_check import ConfigCheck, did_you_mean
from c360_assets.tenant.document import KeyPath
from c360_assets.tenant.secrets_in_files import has_user_info

FILE = "tenant.yaml"
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# No empty parts and none of dots only: such objects have several names.
OBJECT_FOLDER = re.compile(r"(?!\.+(/|$))[\w.-]+(/(?!\.+(/|$))[\w.-]+)*", re.ASCII)


@cache
def _zones() -> frozenset[str]:
    """The zones of this machine, whose folders take a while to look through."""
    return frozenset(available_timezones())


def check_time_zone(check: ConfigCheck, file: str, zone: str) -> None:
    """The key `timezone` of `file` must name a zone of the time zone database."""
    zones = _zones()
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


def check_warehouse(check: ConfigCheck) -> None:
    address = check.tenant.config.warehouse
    if address is None:
        return
    path: KeyPath = ("warehouse",)
    scheme, mark, place = address.partition("://")
    bucket, _, folder = place.rstrip("/").partition("/")
    if has_user_info(address):
        remedy = "leave it out: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY hold it"
        check.error(FILE, path, "holds a user or password", remedy)
    elif not mark or scheme != "s3":
        remedy = "s3://bucket/folder; without the key the tables are in the folder warehouse/"
        check.error(FILE, path, "is no address of an S3 bucket", remedy)
    elif BUCKET.fullmatch(bucket) is None:
        remedy = "3 to 63 lower-case letters, digits, dots and hyphens, as in s3://brand/warehouse"
        check.error(FILE, path, "names no bucket", remedy)
    elif folder and OBJECT_FOLDER.fullmatch(folder) is None:
        remedy = "letters, digits, and . _ - between slashes, as in s3://brand/warehouse"
        check.error(FILE, path, "names no folder of a bucket", remedy)


CHECKS: tuple[Callable[[ConfigCheck], None], ...] = (
    check_place,
    check_phone_region,
    check_warehouse,
)
