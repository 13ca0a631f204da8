"""Who was forgotten, as keyed hashes: what loading and every run hold values against.

The file `privacy/forgotten.jsonl` has a line for each source key, foreign key, e-mail address,
phone number, id and request that was forgotten, and for each text of others (`cell`) that was
emptied, as it named somebody; without a key of `privacy/keys/` no line says whose it is. Which
lines are written is for the room `privacy` to say, what a hit means for a row to its caller.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.files import write_private

FOLDER = "privacy"
FORGOTTEN = "forgotten.jsonl"
# Names another folder of keys, for a tenant whose backups must not hold them.
KEYS_VARIABLE = "C360_PRIVACY_KEYS"
BLOCK_BYTES = 64  # of SHA-256, as HMAC pads its key
SEPARATOR = "\x1f"
Kind = Literal["record", "person", "fk", "email", "phone", "request", "cell"]
Mode = Literal["delete", "delete_pii"]
SCHEMA = {
    "kind": pl.String(),
    "hash": pl.String(),
    "mode": pl.String(),
    "receipt": pl.String(),
    "pin": pl.String(),
    "allowed_from": pl.String(),
    "key": pl.String(),
}
HITS_SCHEMA = {name: SCHEMA[name] for name in ("mode", "receipt", "pin", "allowed_from")}


@dataclass(frozen=True)
class Line:
    """One thing that is remembered.

    `pin` is the amperity_id that a record without its values keeps. `allowed_from` is the delivery
    day from which the value may come in again; empty: never.
    """

    kind: Kind
    hash: str
    mode: Mode
    receipt: str
    pin: str = ""
    allowed_from: str = ""
    key: str = ""


def privacy_folder(root: Path) -> Path:
    return root / FOLDER


def record_text(datasource: str, pk: str) -> str:
    """What is hashed of a source key."""
    return f"{datasource}{SEPARATOR}{pk}"


def foreign_key_text(tag: str, form: str) -> str:
    """What is hashed of a foreign key: its tag, and the value as it is compared."""
    return f"{tag}{SEPARATOR}{form}"


class Suppression:
    """The lines of a tenant and its keys, by name; the last key hashes what is new."""

    def __init__(self, lines: pl.DataFrame, keys: dict[str, bytes]) -> None:
        self.lines = lines
        self.keys = keys

    @classmethod
    def of(cls, root: Path) -> Suppression:
        """What the tenant at `root` remembers.

        Raises C360Error where lines are there and a key of theirs is not: to go on would bring
        people back.
        """
        lines = _read_lines(privacy_folder(root) / FORGOTTEN)
        keys = _read_keys(root)
        missing = sorted(set(lines["key"]) - keys.keys())
        if missing:
            raise C360Error(
                f"people were forgotten here, and the key {missing[0]} by which they are known is "
                f"not in {_keys_folder(root)}; put it back, or ${KEYS_VARIABLE} right: without it "
                "a run would bring them back"
            )
        return cls(lines, keys)

    @property
    def is_empty(self) -> bool:
        return self.lines.is_empty()

    def has(self, kind: Kind) -> bool:
        """Whether something of this kind was forgotten."""
        return bool((self.lines["kind"] == kind).any())

    @property
    def let_in_digest(self) -> str:
        """Tells apart what was let in again, and from when; '' of nothing."""
        let_in = self.lines.filter(pl.col("allowed_from") != "").select("hash", "allowed_from")
        return fingerprint(let_in.sort("hash").rows()) if let_in.height else ""

    def without_let_in(self) -> Suppression:
        """What is kept out for good."""
        return Suppression(self.lines.filter(pl.col("allowed_from") == ""), self.keys)

    def hits(self, con: duckdb.DuckDBPyConnection, kind: Kind, values: pl.Series) -> pl.DataFrame:
        """Columns value and those of `HITS_SCHEMA`: the distinct values that were forgotten.

        `values` are in the form in which they are hashed: `record_text` of source keys,
        `foreign_key_text` of foreign keys, cleaned e-mail addresses and phone numbers.
        """
        schema = {"value": pl.String(), **HITS_SCHEMA}
        lines = self.lines.filter(pl.col("kind") == kind)
        distinct = values.cast(pl.String).drop_nulls().unique().rename("value")
        if lines.is_empty() or distinct.is_empty():
            return pl.DataFrame(schema=schema)
        found = []
        for name in lines["key"].unique().sort():
            own = lines.filter(pl.col("key") == name)
            hashed = distinct.to_frame().with_columns(
                hash=hashes(con, self.keys[name], kind, distinct)
            )
            found.append(hashed.join(own, on="hash").select(*schema))
        return pl.concat(found).unique("value", keep="last", maintain_order=True)

    def lines_of(
        self,
        con: duckdb.DuckDBPyConnection,
        kind: Kind,
        values: Sequence[str],
        mode: Mode,
        receipt: str,
        pins: Sequence[str] = (),
    ) -> list[Line]:
        """Lines to remember the values by, hashed with the newest key."""
        name = max(self.keys)
        series = pl.Series("value", list(values), dtype=pl.String)
        hashed = hashes(con, self.keys[name], kind, series).to_list()
        own_pins = list(pins) or [""] * len(hashed)
        return [
            Line(kind, digest, mode, receipt, pin, key=name)
            for digest, pin in zip(hashed, own_pins, strict=True)
        ]


def hashes(con: duckdb.DuckDBPyConnection, key: bytes, kind: str, values: pl.Series) -> pl.Series:
    """HMAC-SHA256 (hex, RFC 2104) of `kind` and each value, in order.

    The engine hashes a million values in a second; Python's own takes several.
    """
    padded = key.ljust(BLOCK_BYTES, b"\0")
    inner = bytes(byte ^ 0x36 for byte in padded)
    outer = bytes(byte ^ 0x5C for byte in padded)
    # As variables, so that no error of the engine quotes the key with the statement.
    con.execute("SET VARIABLE c360_inner = unhex($1)", [inner.hex()])
    con.execute("SET VARIABLE c360_outer = unhex($1)", [outer.hex()])
    frame = pl.DataFrame({"value": values}).with_row_index("i")
    con.register("_c360_to_hash", frame.to_arrow())
    sql = """
        SELECT sha256(getvariable('c360_outer') || unhex(sha256(
            getvariable('c360_inner') || encode($kind || chr(31) || value)))) AS hash
        FROM _c360_to_hash ORDER BY i"""
    try:
        return con.sql(sql, params={"kind": kind}).pl()["hash"]
    finally:
        con.unregister("_c360_to_hash")
        con.execute("SET VARIABLE c360_inner = NULL")
        con.execute("SET VARIABLE c360_outer = NULL")


def keyed_hash(key: bytes, kind: str, value: str) -> str:
    """The same hash of one value."""
    return hmac.digest(key, f"{kind}{SEPARATOR}{value}".encode(), "sha256").hex()


def remember(root: Path, lines: Iterable[Line]) -> int:
    """Add lines; returns how many were new.

    One that is there already stays, unless it was let in again or has the other mode: then the
    newer request counts.
    """
    path = privacy_folder(root) / FORGOTTEN
    earlier = path.read_text("utf-8") if path.exists() else ""
    known = {(line["kind"], line["hash"]): line for line in map(json.loads, earlier.splitlines())}
    fresh = [line for line in lines if _is_news(line, known.get((line.kind, line.hash)))]
    if fresh:
        known |= {(line.kind, line.hash): asdict(line) for line in fresh}
        _private(privacy_folder(root))
        write_private(path, "".join(json.dumps(line) + "\n" for line in known.values()))
    return len(fresh)


def _is_news(line: Line, known: Mapping[str, str] | None) -> bool:
    return known is None or known["allowed_from"] != "" or known["mode"] != line.mode


def replace_lines(root: Path, lines: pl.DataFrame) -> None:
    """Write the whole memory anew."""
    text = "".join(json.dumps(row) + "\n" for row in lines.to_dicts())
    write_private(privacy_folder(root) / FORGOTTEN, text)


def new_key(root: Path) -> str:
    """Make a key that hashes from now on, and return its name; what is remembered keeps its own."""
    _private(privacy_folder(root))
    folder = _private(_keys_folder(root))
    name = f"{len(_read_keys(root)) + 1:04}"
    write_private(folder / f"{name}.key", secrets.token_hex(32) + "\n")
    return name


def ensure_key(root: Path) -> None:
    """Give a tenant that has no key its first."""
    if not _read_keys(root):
        new_key(root)


def _keys_folder(root: Path) -> Path:
    named = os.environ.get(KEYS_VARIABLE)
    return Path(named) if named else privacy_folder(root) / "keys"


def _read_keys(root: Path) -> dict[str, bytes]:
    folder = _keys_folder(root)
    keys = {}
    for path in sorted(folder.glob("*.key")):
        try:
            keys[path.stem] = bytes.fromhex(path.read_text("ascii").strip())
        except (ValueError, OSError):
            raise C360Error(f"{path} cannot be read as a key: put the right file back") from None
    return keys


def _read_lines(path: Path) -> pl.DataFrame:
    if not path.exists():
        return pl.DataFrame(schema=SCHEMA)
    try:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        return pl.DataFrame(rows, schema=SCHEMA)
    except (ValueError, TypeError, pl.exceptions.PolarsError):
        raise C360Error(
            f"{path} is damaged: put the whole file back, else people who were forgotten come back"
        ) from None


def _private(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder
