"""A feed and a custom domain table: files, fields, keys, tags.

They are the YAML below `feeds/` and `domain_tables/`. Which files match a pattern belongs to
`files`, what must hold between the keys to `check_feeds` and `check_tags`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from c360_assets.tenant.base_models import Name, Owner, Strict, physical_name

FieldType = Literal[
    "string", "boolean", "date", "datetime", "decimal", "float", "integer", "array", "map", "struct"
]
FileFormat = Literal[
    "csv", "psv", "tsv", "dsv", "fixed", "json", "ndjson", "parquet", "avro", "orc", "xml", "xlsx"
]
NameOrder = Literal["surname_first", "surname_last", "two_surnames_first", "two_surnames_last"]
# Formats of a field whose dates are numbers: days since 1899-12-30, seconds and milliseconds since
# 1970 in UTC.
NUMBER_DATES = ("excel_serial", "epoch_s", "epoch_ms", "epoch_us")


def _tag(text: str) -> str:
    if not text.rpartition("/")[2].strip():
        raise ValueError("must be a tag such as email or txn-item/order-id")
    return text


# Columns of later tables are called by what stands behind the prefix.
TagName = Annotated[str, AfterValidator(_tag)]


class FilesConfig(Strict):
    """Where a feed's files are and how to read them.

    `skip_lines` counts the lines of a text file, or the rows of a sheet, before its header.
    `drop_rows` is a regular expression: a record whose text, as it stands in the file, holds a
    match is left out and counted. `records` is the path of keys to the list or object of records
    in a JSON document, or to the object in each line of NDJSON that is the record: `a.b`, or `/a/b`
    where a key holds a point. `sheet` names a sheet of a
    workbook. `columns_at` says of a text in columns of fixed width (format `fixed`) where each of
    them begins, in characters from 0: `[0, 10, 30]`; blanks around a value are no part of it.
    `columns_in_bytes` counts bytes instead, as programs do that know no letters of several bytes.
    """

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
    skip_lines: int = Field(default=0, ge=0)
    drop_rows: str | None = None
    records: Name | None = None
    sheet: str | None = None
    columns_at: list[Annotated[int, Field(ge=0)]] | None = None
    columns_in_bytes: bool = False
    optional: bool = False
    # How long a file must have stayed as it is before it is loaded.
    settle: str = "60s"
    # The name of a file whose presence says that a file is whole; `*` stands for that file's name.
    done: str | None = None


class NumberConfig(Strict):
    """How a field's numbers are written.

    `thousands` is what may stand between groups of digits, None where nothing may; a blank stands
    for every kind of blank. A currency, brackets or a minus sign behind a number are always read.
    """

    decimal: Literal[".", ","] = "."
    thousands: Literal[".", ",", " ", "'"] | None = None


class FieldConfig(Strict):
    """One column of a file.

    The key it stands under is the column's name in the file, compared without case; of several
    columns of one name the later ones are called `name_2`, `name_3`. `format` is a pattern of
    dates, or one of NUMBER_DATES. `calendar` says by which one days are written: `buddhist` (2026
    is 2569 in Thailand), `roc` (115 in Taiwan), `japanese` (令和8年, R8), `persian` (1405),
    `islamic` (1447, that of Saudi Arabia), `ethiopic` (2018). `name_order` says how the words of
    whole names stand (`Rossi Maria` is `surname_first`, `Ana Ruiz Soler` `two_surnames_last`);
    they are kept as `Rossi, Maria`, which every later table reads alike.
    """

    type: FieldType = "string"
    tags: list[TagName] = Field(default_factory=list)
    rename: str | None = None
    required: bool = False
    format: str | None = None
    calendar: Literal["buddhist", "roc", "japanese", "persian", "islamic", "ethiopic"] | None = None
    name_order: NameOrder | None = None
    number: NumberConfig | None = None
    scale: int | None = Field(default=None, ge=0, le=37)
    description: str = ""

    @field_validator("type", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value


class RowNumberConfig(Strict):
    """A column that counts rows where none of a file tells them apart, such as the lines of an
    order: the place of a row, from 1, among the rows of its file that are equal in the columns
    `within` (output names). Rejected rows count too.
    """

    column: Name
    within: list[str] = Field(min_length=1)

    @property
    def field(self) -> FieldConfig:
        """The column as if it were a field of the file."""
        columns = ", ".join(self.within)
        return FieldConfig(
            type="integer", description=f"Place of the row among those of its file of one {columns}"
        )


class FillDownConfig(Strict):
    """Columns that a file writes on the first row of several only, as exports write an order on the
    first of its lines. A block begins with a row that has another value of `by` than the one
    before; in its other rows `columns` that are empty take the value of the first (output names).
    Rows that no block begins above, or below a row that could not be read, are rejected.
    """

    by: str
    columns: list[str] = Field(default_factory=list)

    @property
    def filled(self) -> list[str]:
        """All output names that are filled."""
        return [self.by, *self.columns]


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
    owner: Owner | None = None
    files: FilesConfig
    load: Literal["upsert", "truncate_and_upsert"] = "upsert"
    primary_key: list[str] = Field(min_length=1)
    row_number: RowNumberConfig | None = None
    fill_down: FillDownConfig | None = None
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
        Annotated[str, StringConstraints(pattern=r"^IV-[A-Z]\d\d\.[a-z0-9_]+$")],
        Annotated[float, Field(ge=0)],
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

    @property
    def columns(self) -> dict[str, FieldConfig]:
        """The columns that a load fills: those of the file, then the one that counts rows."""
        if self.row_number is None:
            return self.outputs
        return {**self.outputs, self.row_number.column: self.row_number.field}


class CustomField(Strict):
    tags: list[TagName] = Field(default_factory=list)
    description: str = ""


class CustomTableConfig(Strict):
    """The YAML beside a custom domain table's SQL."""

    description: str = ""
    primary_key: list[str] = Field(min_length=1)
    stitch: bool = False
    fields: dict[str, CustomField] = Field(default_factory=dict)
