"""A feed and a custom domain table: files, fields, keys, tags.

They are the YAML below `feeds/` and `domain_tables/`. Which files match a pattern belongs to
`files`, what must hold between the keys to `check_feeds` and `check_tags`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator

from c360_assets.tenant.base_models import Name, Strict, physical_name

FieldType = Literal[
    "string", "boolean", "date", "datetime", "decimal", "float", "integer", "array", "map", "struct"
]
FileFormat = Literal["csv", "psv", "tsv", "dsv", "json", "ndjson", "parquet", "avro", "xml"]


class FilesConfig(Strict):
    """Where a feed's files are and how to read them."""

    pattern: Name
    format: FileFormat = "csv"
    address: str = "landing/"
    delimiter: str | None = None
    header: bool = True
    quote: str = '"'
    escape: str = '"'
    encoding: str | None = None
    compression: Literal["zip", "tar", "gzip"] | None = None
    contents: dict[str, Any] | None = None
    row_tag: str = "row"
    optional: bool = False
    # How long a file must have stayed as it is before it is loaded.
    settle: str = "60s"
    # The name of a file whose presence says that a file is whole; `*` stands for that file's name.
    done: str | None = None


class FieldConfig(Strict):
    """One column of a file.

    The key it stands under is the column's name in the file, compared without case.
    """

    type: FieldType = "string"
    tags: list[str] = Field(default_factory=list)
    rename: str | None = None
    required: bool = False
    format: str | None = None
    scale: int | None = Field(default=None, ge=0, le=37)
    description: str = ""

    @field_validator("type", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value


def _text_of(value: Any) -> Any:
    if value is None:
        return "null"
    # A bool is an int to Python; `true` stays what it is, so that its type is refused.
    if isinstance(value, int | float | date) and not isinstance(value, bool):
        return str(value)
    return value


class FeedConfig(Strict):
    """One feed: one dataset of one source, loaded into one domain table.

    `null_values` are texts that stand for a missing value in every field, compared without case and
    surrounding blanks.
    """

    source: Name
    feed: Name
    description: str = ""
    files: FilesConfig
    load: Literal["upsert", "truncate_and_upsert"] = "upsert"
    primary_key: list[str] = Field(min_length=1)
    last_updated: str = "auto"
    stitch: bool = False
    error_threshold: int = Field(default=1, ge=0, le=100)
    timezone: str | None = None
    datetime_format: str | None = None
    scale: int | None = Field(default=None, ge=0, le=37)
    null_values: list[str] = Field(default_factory=list)
    # Figure of an input validation (`IV-P01.invalid_email_pct`) -> the greatest value with which a
    # load is kept.
    block_if: dict[
        Annotated[str, StringConstraints(pattern=r"^IV-[A-Z]\d\d\.[a-z0-9_]+$")], float
    ] = Field(default_factory=dict)
    fields: dict[str, FieldConfig] = Field(min_length=1)

    @field_validator("null_values", mode="before")
    @classmethod
    def _as_written(cls, value: Any) -> Any:
        """YAML reads NULL as nothing, dates and numbers as such; here they are texts of a file."""
        return [_text_of(item) for item in value] if isinstance(value, list) else value

    @property
    def name(self) -> str:
        return f"{self.source}:{self.feed}"

    @property
    def physical(self) -> str:
        return physical_name(self.name)

    def output_name(self, field_name: str) -> str:
        return self.fields[field_name].rename or field_name

    @property
    def outputs(self) -> dict[str, FieldConfig]:
        """Output column name -> its field, in file order."""
        return {self.output_name(name): item for name, item in self.fields.items()}


class CustomField(Strict):
    tags: list[str] = Field(default_factory=list)
    description: str = ""


class CustomTableConfig(Strict):
    """The YAML beside a custom domain table's SQL."""

    description: str = ""
    primary_key: list[str] = Field(min_length=1)
    stitch: bool = False
    fields: dict[str, CustomField] = Field(default_factory=dict)
