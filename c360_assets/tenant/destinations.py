"""Who receives the published database, and what of it: `destinations.yaml`.

Sending belongs to the room `customer_360`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from c360_assets.tenant.base_models import Name, Strict
from c360_assets.tenant.campaigns import reason_in
from c360_assets.tenant.secrets_in_files import check_variable_name, has_user_info


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

    @field_validator("consent")
    @classmethod
    def _gives_a_reason(cls, value: str | None) -> str | None:
        if value is not None and value.strip().startswith("none") and reason_in(value) is None:
            raise ValueError('must be a purpose, or: none, because "…" with the reason')
        return value


class DestinationConfig(Strict):
    """One receiver of a published database: a folder or PostgreSQL.

    A folder is below the tenant's, absolute, or s3://... . `url_env` names the environment variable
    that holds PostgreSQL's address, so that no password stands in a file. `neutralise_formulas`
    puts an apostrophe before texts of a csv that a spreadsheet would run; else they are as they are
    in the database, byte for byte.
    """

    type: Literal["files", "postgres"] = "files"
    database: str = "customer_360"
    path: str | None = None
    format: Literal["csv", "parquet", "ndjson"] = "parquet"
    url_env: str | None = None
    schema_name: str = Field(default="public", alias="schema")
    neutralise_formulas: bool = False
    tables: dict[str, DestinationTable] = Field(default_factory=dict)

    @field_validator("tables", mode="before")
    @classmethod
    def _none_is_default(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: settings or {} for name, settings in value.items()}

    @field_validator("url_env")
    @classmethod
    def _names_a_variable(cls, value: str | None) -> str | None:
        return check_variable_name(value)

    @field_validator("path")
    @classmethod
    def _holds_no_password(cls, value: str | None) -> str | None:
        if value is not None and "://" in value and has_user_info(value):
            raise ValueError(
                "must not hold a user or password: give them in the environment, as "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        return value

    @model_validator(mode="after")
    def _has_a_place(self) -> DestinationConfig:
        if self.type == "files" and not self.path:
            raise ValueError("a destination of type files needs a path")
        if self.type == "postgres" and not self.url_env:
            raise ValueError(
                "a destination of type postgres needs url_env, the name of an environment variable"
            )
        if self.neutralise_formulas and (self.type, self.format) != ("files", "csv"):
            raise ValueError("neutralise_formulas is for files of format csv: remove it")
        return self


class DestinationsConfig(Strict):
    """`destinations.yaml`: who receives the published database."""

    destinations: dict[
        Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")], DestinationConfig
    ] = Field(default_factory=dict)
