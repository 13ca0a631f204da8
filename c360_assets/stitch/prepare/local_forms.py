"""Columns of the records that hold values as they are written in the record's own country.

They are made where records enter, and not where the database's SQL wants them: which rules hold
depends on each record's country, and no SQL engine knows the rules of all countries. A tenant that
names no country has none of these columns.

| column | what |
|---|---|
| `phone_e164` | the first valid phone number, in international form |
| `<column>_e164` | the same of a column that a merge policy takes the phone from |
| `address_standard` | the street line in full words, of records outside the United States |
| `state_code` | the state's or province's code, of records outside the United States |

Streets and states of the United States are compared by the documented rule, which is SQL.
"""

from __future__ import annotations

import polars as pl

from c360_assets.semantics.addresses import clean_address, clean_state
from c360_assets.semantics.countries import country_code
from c360_assets.semantics.phone_plans import by_region, e164_column
from c360_assets.semantics.text import missing_to_null
from c360_assets.semantics.validity import first_phone
from c360_assets.tenant.local_columns import phone_columns
from c360_assets.tenant.models import Tenant
from c360_assets.tenant.tenant_folder import NORTH_AMERICAN
from c360_assets.wording import counted

UNITED_STATES = "US"


def with_local_forms(records: pl.DataFrame, tenant: Tenant) -> pl.DataFrame:
    """The records with the columns of `tenant.local_columns`."""
    home = tenant.home
    if home is None:
        return records
    countries = records.select(country_code(pl.col("country"))).to_series()
    rules = NORTH_AMERICAN if tenant.phone_region == NORTH_AMERICAN else "any"
    columns = []
    for column in phone_columns(tenant):
        number = records.select(first_phone(missing_to_null(pl.col(column)), rules)).to_series()
        digits = by_region(number, countries, home, e164=True)
        columns.append(digits.alias(e164_column(column)))
    own_or_home = countries.fill_null(home.country)
    standard = standard_addresses(
        records.select("address", "state", country=own_or_home).with_columns(
            pl.when(pl.col("country") != UNITED_STATES).then("country").alias("country")
        )
    )
    has_country = standard["country"].is_not_null()
    forms = [
        pl.when(has_country).then(standard["address"]).alias("address_standard"),
        pl.when(has_country).then(standard["state"]).alias("state_code"),
    ]
    return records.with_columns(columns).with_columns(forms)


def of_unknown_countries(records: pl.DataFrame, tenant: Tenant) -> list[str]:
    """What to say of records that name a country which nobody knows: they are read as at home."""
    if tenant.home is None:
        return []
    named = missing_to_null(pl.col("country"))
    is_unknown = named.is_not_null() & country_code(named).is_null()
    n_unknown = records.select(is_unknown.sum()).item()
    if not n_unknown:
        return []
    return [
        f"{counted(n_unknown, 'record names', 'records name')} a country that is not known; phones,"
        f" states and streets are read as in {tenant.home.country}"
    ]


def standard_addresses(addresses: pl.DataFrame) -> pl.DataFrame:
    """Clean `address` (with `address2`, if there is one) and `state` by the rules of `country`.

    That is an ISO code, NULL for the rules of the United States.
    """
    numbered = addresses.with_row_index("row")
    parts = []
    for (country,), rows in numbered.partition_by("country", as_dict=True).items():
        code = None if country is None else str(country)
        second_line = pl.col("address2") if "address2" in rows.columns else None
        line = clean_address(pl.col("address"), second_line, country=code)
        state = clean_state(pl.col("state"), country=code)
        parts.append(rows.select("row", "country", address=line, state=state))
    if not parts:
        return addresses.select("country", "address", "state")
    return pl.concat(parts).sort("row").drop("row")
