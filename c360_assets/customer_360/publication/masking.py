"""A masked database: its personal columns are hashed with the tenant's key or made coarse, so that
people may work with it who must not see who is who.

Equal values have equal hashes in all tables, so that joins and counts hold. Which columns are
personal is what `c360_catalog` says of them; keys of source rows are hashed too, as they lead back
to a person, and so is a text of which nothing says what it means: it may be anything, such as a
note or the customer number of a brand. Of a day or time of which nothing says what it means the
year is left, as it may be somebody's birthday.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from c360_assets.customer_360.publication.meanings import UNTAGGED
from c360_assets.semantics.column_types import GENERATED_COLUMNS
from c360_assets.semantics.tables import ColumnSpec
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident
from c360_assets.warehouse.suppression import BLOCK_BYTES, Suppression, ensure_key

# Of a date of birth the year, of an address the region is left.
REGIONS = frozenset({"state", "country", "gender"})
# Columns that hold keys of source rows, or values of several columns at once.
KEYS = re.compile(
    r"_?(uuid_)?pk\d*|.+_pk|ck|(fk|sk|bk)_.+|customer_(id|key)|fk_value|raw_value|value|text|sql"
    r"|drilldown_sql|evidence|int_id|example.*|sample.*"
)
WHOLE_NUMBERS = frozenset({"BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT"})
TIMES = frozenset({"DATE", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"})
KEY_TAGS = ("fk-", "sk-", "bk-", "ck", "pk", "source/", "compliance/", "txn-item/customer-id")
NUMBERS = ("int_id", "component_id", "supersized_id")  # made of keys


def prepare_masking(session: Session, root: Path) -> None:
    """Give a session the tenant's key; the SQL itself never quotes it."""
    ensure_key(root)
    keys = Suppression.of(root).keys
    padded = keys[max(keys)].ljust(BLOCK_BYTES, b"\0")
    for name, pad in (("inner", 0x36), ("outer", 0x5C)):
        value = bytes(byte ^ pad for byte in padded).hex()
        session.execute(f"SET VARIABLE c360_mask_{name} = unhex($1)", [value])


def masked_select(
    columns: Mapping[str, str],
    meaning: Mapping[str, ColumnSpec],
    source: str,
    personal: Collection[str],
    *,
    is_source: bool,
) -> str:
    """A SELECT of all columns with the types they have, personal ones masked: those that say so,
    `personal`, and those that may be personal, as nothing says what they mean. Of a source table
    (`is_source`) only tags say that.
    """
    masked = {*personal}
    masked |= {
        name
        for name, type_ in columns.items()
        if _may_be_personal(name, type_, meaning[name], is_source)
    }
    listed = [
        f"{_masked(name, type_, meaning[name], name in masked)} AS {quote_ident(name)}"
        for name, type_ in columns.items()
    ]
    return f"SELECT {', '.join(listed)} FROM {source}"


def _masked(name: str, type_: str, spec: ColumnSpec, is_personal: bool) -> str:
    column = quote_ident(name)
    if not is_personal and not _is_personal(name, spec):
        return column
    if type_ in TIMES:
        return f"CAST(date_trunc('year', {column}) AS {type_})"
    if name.lower() in REGIONS or spec.semantic in REGIONS:
        return column
    if type_ == "VARCHAR":
        return f"CASE WHEN {column} IS NOT NULL THEN {_hash(column)} END"
    return f"CAST(NULL AS {type_})"


def _hash(column: str) -> str:
    """The keyed hash (HMAC-SHA256) of a text without case and outer blanks, as values join."""
    text = f"encode(lower(trim({column})))"
    inner = f"unhex(sha256(getvariable('c360_mask_inner') || {text}))"
    return f"sha256(getvariable('c360_mask_outer') || {inner})[1:32]"


def _may_be_personal(name: str, type_: str, spec: ColumnSpec, is_source: bool) -> bool:
    """Whether a text, whole number, day or time has no tag, nor, in a table that is made, a
    description.

    What is made, but a text, counts something, unless it is passed on as its source sends it.
    """
    if spec.semantic or name in GENERATED_COLUMNS:
        return False
    is_as_sent = is_source or spec.description == UNTAGGED
    is_text = "VARCHAR" in type_ and (is_as_sent or not spec.description)
    return is_text or (is_as_sent and type_ in WHOLE_NUMBERS | TIMES)


def _is_personal(name: str, spec: ColumnSpec) -> bool:
    tags = [tag.strip() for tag in spec.semantic.split(",")]
    is_key = any(tag.startswith(KEY_TAGS) for tag in tags if tag)
    return spec.pii or is_key or name in NUMBERS or bool(KEYS.fullmatch(name.lower()))
