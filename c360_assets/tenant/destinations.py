"""Who receives the published database, and what of it: `destinations.yaml`.

Sending belongs to the room `customer_360`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from c360_assets.tenant.base_models import Name, Strict
from c360_assets.tenant.campaigns import reason_in
from c360_assets.tenant.secrets_in_files import check_variable_name, has_user_info

PLACES = ("s3://", "gs://", "az://", "abfs://", "sftp://")


class DestinationTable(Strict):
    """What of a table may leave, and under which name.

    That is the listed columns, else those that hold nothing personal. Where they hold addresses,
    `consent` is the purpose they are sent for, or `none, because "…"`.
    """

    columns: list[Name] | None = Field(default=None, min_length=1)
    consent: str | None = None
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None

    @property
    def reason_without_consent(self) -> str | None:
        """Why nobody is asked for consent; None where a purpose is named, or nothing is said."""
        return reason_in(self.consent)

    @property
    def purpose(self) -> str | None:
        """The purpose by which addresses leave; None where nobody is asked."""
        return self.consent if self.reason_without_consent is None else None

    @field_validator("consent")
    @classmethod
    def _gives_a_reason(cls, value: str | None) -> str | None:
        if value is not None and value.strip().startswith("none") and reason_in(value) is None:
            raise ValueError('must be a purpose, or: none, because "…" with the reason')
        return value


# Which settings belong to which type of receiver; all know `type`, `database` and `tables`.
SETTINGS = {
    "files": {"path", "format", "neutralise_formulas"},
    "postgres": {"url_env", "schema_name"},
    "http": {"url_env", "token_env", "batch", "per_second"},
    "saas": {"connector", "settings", "batch", "per_second"},
}
NEEDED = {"files": "path", "postgres": "url_env", "http": "url_env", "saas": "connector"}
TAKE_TABLES = ("files", "postgres")


class DestinationConfig(Strict):
    """One receiver: a folder, PostgreSQL, an HTTP address, or a service that a connector reaches.

    A folder is below the tenant's, absolute, or an address s3://, gs://, az:// or sftp://.
    `url_env` names the environment variable that holds PostgreSQL's address or that of HTTP, and
    `token_env` one with a bearer token, so that no secret stands in a file. `batch` is how many
    rows go in one request, `per_second` how many requests there are at most. `connector` and
    `settings` are those of drt (its destinations). `neutralise_formulas` puts an apostrophe before
    texts of a csv that a spreadsheet would run; else they are as they are in the database, byte for
    byte.
    """

    type: Literal["files", "postgres", "http", "saas"] = "files"
    database: str = "customer_360"
    path: str | None = None
    format: Literal["csv", "parquet", "ndjson"] = "parquet"
    url_env: str | None = None
    schema_name: str = Field(default="public", alias="schema")
    token_env: str | None = None
    batch: int = Field(default=500, ge=1, le=100_000)
    per_second: float | None = Field(default=None, ge=0.01)
    connector: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    neutralise_formulas: bool = False
    tables: dict[str, DestinationTable] = Field(default_factory=dict)

    def mark(self) -> str:
        """The settings as a text: another one is sent again. What is not set leaves no trace, so
        that a new setting does not send everything again."""
        later = {"token_env", "batch", "per_second", "connector", "settings", "neutralise_formulas"}
        return self.model_dump_json(exclude=later - self.model_fields_set)

    @field_validator("tables", mode="before")
    @classmethod
    def _none_is_default(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: settings or {} for name, settings in value.items()}

    @field_validator("url_env", "token_env")
    @classmethod
    def _names_a_variable(cls, value: str | None) -> str | None:
        return check_variable_name(value)

    @field_validator("path")
    @classmethod
    def _is_a_place(cls, value: str | None) -> str | None:
        if value is None or "://" not in value:
            return value
        if has_user_info(value):
            raise ValueError(
                "must not hold a user or password: give them in the environment, as "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        scheme, _, place = value.partition("://")
        if f"{scheme}://" not in PLACES:
            raise ValueError(f"must be a folder or an address of {', '.join(PLACES)}")
        if not place.partition("/")[0]:
            raise ValueError("names no bucket or host")
        if {"#", "?"} & set(place):
            raise ValueError("must not hold # or ?, at which an address ends: name another folder")
        return value

    @model_validator(mode="after")
    def _fits_its_type(self) -> DestinationConfig:
        needed = NEEDED[self.type]
        if not getattr(self, needed):
            what = ", the name of an environment variable" if needed.endswith("_env") else ""
            raise ValueError(f"a destination of type {self.type} needs {needed}{what}")
        foreign = set().union(*SETTINGS.values()) - SETTINGS[self.type]
        for name in sorted(foreign & self.model_fields_set):
            owners = " or ".join(kind for kind, own in SETTINGS.items() if name in own)
            key = "schema" if name == "schema_name" else name
            raise ValueError(f"{key} is for type {owners}, and this is {self.type}: remove it")
        if self.neutralise_formulas and self.format != "csv":
            raise ValueError("neutralise_formulas is for files of format csv: remove it")
        if self.tables and self.type not in TAKE_TABLES:
            raise ValueError(
                f"a destination of type {self.type} receives campaigns only: remove tables, and "
                "name it in campaigns/NAME.yaml"
            )
        return self


class DestinationsConfig(Strict):
    """`destinations.yaml`: who receives the published database."""

    destinations: dict[
        Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")], DestinationConfig
    ] = Field(default_factory=dict)
