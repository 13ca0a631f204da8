"""Checks of `format` and `address` of `databases` in `tenant.yaml`: where a lake may stand.

The other keys of databases are `check_settings`.
"""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

from c360_assets.errors import C360Error, Problem
from c360_assets.tenant.config_check import ConfigCheck
from c360_assets.tenant.models import DatabaseConfig, Tenant
from c360_assets.tenant.secrets_in_files import has_user_info
from c360_assets.warehouse.lake_document import POINTER, DamagedDocumentError
from c360_assets.warehouse.publications import GROUP, lake_of
from c360_assets.warehouse.remote_places import EXTRAS, scheme_of

FILE = "tenant.yaml"
SCHEME = "s3"
MODULES = {"s3": "s3fs"}  # scheme -> what its optional part brings
# Folders of a tenant that have a use of their own.
TAKEN = frozenset(
    {
        ".dagster",
        ".tmp",
        "cache",
        "campaigns",
        "customer_lists",
        "database",
        "domain_tables",
        "exports",
        "feeds",
        "labels",
        "landing",
        "lists",
        "logs",
        "privacy",
        "reports",
        "review",
        "reviews",
        "segments",
        "sends",
        "truth",
        "warehouse",
    }
)
# Other engines cut an address at these, or read a pattern.
CUT = re.compile(r"[#?%*\[\]{}\\\x00-\x1f\x7f]")
OWN_PLACE = "leave `address` out, for a folder below activated/, or name one that is not used"


def check_lakes(check: ConfigCheck) -> None:
    places: dict[str, str] = {}  # address -> database
    warehouse = check.tenant.config.warehouse
    if warehouse is not None:
        places[warehouse.rstrip("/")] = "the warehouse"
    for name, config in check.tenant.config.databases.items():
        if config.format == "duckdb":
            _check_no_address(check, name, config)
            continue
        path = ("databases", name, "address" if config.address else "format")
        problem = _problem(check.tenant, name, config)
        if problem is not None:
            check.error(FILE, path, *problem)
            continue
        address = _address(check.tenant, name, config)
        for other, owner in places.items():
            if _is_within(address, other) or _is_within(other, address):
                message = f"{_declared(name, config)} and the place of {owner} are one"
                check.error(FILE, path, message, "give each database a place of its own")
        places[address] = name


def look_at_lakes(tenant: Tenant) -> list[Problem]:
    """What is wrong with lakes on other machines, which only their servers can tell. One that does
    not answer is a warning: all but its publication can be done."""
    problems = []
    for name, config in tenant.config.databases.items():
        lake = lake_of(tenant, GROUP if config.primary else name)
        if lake is None or not scheme_of(lake.address):
            continue
        key = f"databases.{name}.address"
        try:
            published = lake.published()
        except DamagedDocumentError:  # it is published over
            continue
        except C360Error as error:
            problems.append(Problem("warning", FILE, str(error), key=key))
            continue
        if published is not None and published.tenant != str(tenant.config.id):
            message = f"{lake.address} holds a database of another tenant, {published.tenant}"
            problems.append(Problem("error", FILE, message, key=key, remedy=OWN_PLACE))
    return problems


def _check_no_address(check: ConfigCheck, name: str, config: DatabaseConfig) -> None:
    if config.address is not None:
        message = f"{config.address}: one DuckDB file is published below activated/"
        remedy = "remove `address`, or say `format: delta` or `format: parquet`"
        check.error(FILE, ("databases", name, "address"), message, remedy)


def _declared(name: str, config: DatabaseConfig) -> str:
    return config.address or f"activated/{name}, the place of {name} without an address,"


def _address(tenant: Tenant, name: str, config: DatabaseConfig) -> str:
    published = GROUP if config.primary else name
    lake = tenant.lake_of(published)
    assert lake is not None
    address = lake[1]
    return address if scheme_of(address) else str(Path(address).resolve())


def _is_within(address: str, other: str) -> bool:
    return f"{address}/".startswith(f"{other}/")


def _problem(tenant: Tenant, name: str, config: DatabaseConfig) -> tuple[str, str] | None:
    """What is wrong with the place of a lake, and the remedy."""
    address = config.address or ""
    scheme = scheme_of(address)
    if scheme:
        return _remote_problem(address, scheme)
    return _local_problem(tenant, address, Path(_address(tenant, name, config)))


def _remote_problem(address: str, scheme: str) -> tuple[str, str] | None:
    if scheme != SCHEME:
        return f"{scheme}:// is no place of a lake", "name a folder, or s3://BUCKET/FOLDER"
    if has_user_info(address):
        return "an address must not hold credentials", "set them in the environment"
    bucket, _, folder = address.removeprefix(f"{SCHEME}://").partition("/")
    if not bucket or not folder.strip("/"):
        return f"{address} names no folder of a bucket", "name one: s3://BUCKET/FOLDER"
    if CUT.search(folder) or not {"", ".", ".."}.isdisjoint(folder.rstrip("/").split("/")):
        return (
            f"{address} is a folder that other engines do not find",
            "name one without # ? % * [ ] { } and backslashes, and without empty parts",
        )
    if find_spec(MODULES[scheme]) is None:
        return (
            f"{address} needs an optional part of this package",
            f"pip install 'c360-assets[{EXTRAS[scheme]}]'",
        )
    return None


def _local_problem(tenant: Tenant, declared: str, address: Path) -> tuple[str, str] | None:
    root = tenant.root.resolve()
    shown = declared or address.name
    if root.is_relative_to(address):
        return f"{shown} holds the tenant's folder", OWN_PLACE
    if address.is_relative_to(root):
        first, *others = address.relative_to(root).parts
        if first in TAKEN:
            return f"{shown} is inside {first}/, which has a use of its own", OWN_PLACE
        if first == "activated" and (not others or others[0] == "history"):
            return f"{shown} is where files of databases are", OWN_PLACE
    else:
        for folder in (address, *address.parents):
            if (folder / "tenant.yaml").is_file():
                return f"{shown} is inside the folder of another tenant", OWN_PLACE
    if address.exists() and not address.is_dir():
        return f"{shown} is a file", "name a folder"
    owner = _owner(address)
    if owner is not None and owner != str(tenant.config.id):
        return f"{shown} holds a database of another tenant, {owner}", OWN_PLACE
    return None


def _owner(address: Path) -> str | None:
    """The tenant whose database is published at a folder; None where nobody's is."""
    try:
        told = json.loads((address / POINTER).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    owner = told.get("tenant") if isinstance(told, dict) else None
    return str(owner) if owner is not None else None
