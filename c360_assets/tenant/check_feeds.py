"""Lints of feeds and table names: what would make a load impossible or wrong before a single file is read.

Where a tag may stand is `check_tags`; Stitch, merge policy, workflow and databases are `check_settings`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from zoneinfo import available_timezones

from pydantic import ValidationError

from c360_assets.semantics.closest import closest
from c360_assets.semantics.column_types import GENERATED_COLUMNS
from c360_assets.semantics.tables import all_tables
from c360_assets.semantics.tags import without_marks
from c360_assets.tenant.files import FilePattern, PatternError
from c360_assets.tenant.findings import Findings
from c360_assets.tenant.models import FeedConfig, FilesConfig

GENERATED = tuple(GENERATED_COLUMNS)
NESTED = frozenset({"array", "map", "struct"})
# Letters a date pattern may use outside quotes: year, month, day, day of year, hours, minute, second, fraction, am/pm, zone.
DATE_LETTERS = frozenset("yMdDHhmsSaZz")
WEAK_KEYS = frozenset({"given-name", "surname", "full-name", "update-dt"})
REMOTE = ("s3", "sftp")
OUTPUT_NAME = re.compile(r"[A-Za-z0-9_]+")


def zone_problem(zone: str) -> tuple[str, str | None] | None:
    """What is wrong with a time zone's name and a remedy, None when it is known."""
    zones = available_timezones()
    if zone in zones:
        return None
    near = closest(zone, zones)
    return (
        "is no known time zone",
        f"did you mean {near!r}?" if near else "use a name such as UTC or America/New_York",
    )


def some_feed(found: Findings) -> None:
    if found.complete and not found.tenant.feeds:
        found.warning(
            "feeds",
            (),
            "no feeds yet, so there is nothing to load",
            "propose one from a sample file: `c360 feed suggest FILE`, save what it prints as feeds/<source>/<feed>.yaml",
        )


def names(found: Findings) -> None:
    """Tables are told apart by their physical name, without case, among themselves and from the documented tables."""
    taken = {name.lower(): f"the documented table {name}" for name in all_tables()}
    for table in found.tenant.tables:
        file = found.place(table)
        path = () if table.custom else ("feed",)
        if not table.custom and table.name.count(":") > 1:
            found.error(file, path, "a source or feed name must not contain ':'")
        other = taken.get(table.physical.lower())
        if other:
            remedy = "rename its files" if table.custom else "choose another source or feed name"
            found.error(file, path, f"the table name {table.physical} is taken by {other}", remedy)
        taken.setdefault(table.physical.lower(), table.name)
    for name in found.tenant.database_sql:
        file = f"database/{name}.sql"
        core = next((c for c in all_tables() if c.lower() == name.lower()), None)
        if core is not None and core != name:
            found.error(
                file,
                (),
                f"differs from the documented table {core} only in case",
                f"rename it to {core}.sql",
            )
        elif core is None and name.lower() in taken:
            found.error(
                file,
                (),
                f"the table name {name} is taken by {taken[name.lower()]}",
                "rename the file",
            )
    for name in found.tenant.database_yaml:
        if name not in found.tenant.database_sql and name not in all_tables():
            found.error(
                f"database/{name}.yaml",
                (),
                f"describes a table that does not exist: there is no {name}.sql beside it",
            )


def tidy_name(name: str) -> str:
    """An output name for a column: lower case without accents, `_` for what is no letter or digit (`Straße` -> `strasse`)."""
    return re.sub(r"[^a-z0-9]+", "_", without_marks(name).lower()).strip("_") or "field"


def outputs(found: Findings) -> None:
    """Output names have letters, digits and underscores and occur once, ignoring case."""
    for feed in found.tenant.feeds:
        file, seen, columns = (
            found.place(feed),
            {g.lower(): f"the generated column {g}" for g in GENERATED},
            dict[str, str](),
        )
        for name, item in feed.fields.items():
            output = item.rename or name
            path = ("fields", name, "rename") if item.rename else ("fields", name)
            if not OUTPUT_NAME.fullmatch(output):
                tidy = tidy_name(output)
                found.error(
                    file,
                    path,
                    "an output name has letters, digits and underscores only",
                    f"add `rename: {tidy}`",
                )
            if output.lower() in seen:
                found.error(
                    file,
                    path,
                    f"the output name {output} is taken by {seen[output.lower()]}",
                    "add a `rename`",
                )
            seen.setdefault(output.lower(), f"the field {name}")
            if name.lower() in columns:
                found.error(
                    file,
                    path,
                    f"is the same column as {columns[name.lower()]}: names in files are compared without case",
                )
            columns.setdefault(name.lower(), name)


def _unknown_output(feed: FeedConfig, name: str) -> str:
    renamed = next(
        (
            f"it is renamed to {item.rename!r}"
            for key, item in feed.fields.items()
            if key == name and item.rename
        ),
        None,
    )
    near = next((o for o in feed.outputs if o.lower() == name.lower()), None) or closest(
        name, feed.outputs
    )
    return renamed or (
        f"did you mean {near!r}?" if near else f"output names: {', '.join(feed.outputs)}"
    )


def keys(found: Findings) -> None:
    """`primary_key` and `last_updated` are output names of fitting types."""
    for feed in found.tenant.feeds:
        file, columns = found.place(feed), feed.outputs
        for position, name in enumerate(feed.primary_key):
            path = ("primary_key", position)
            if name not in columns:
                found.error(
                    file,
                    path,
                    f"{name} is no output name of this feed",
                    _unknown_output(feed, name),
                )
                continue
            if name in feed.primary_key[:position]:
                found.error(file, path, f"{name} is named twice")
            if columns[name].type in NESTED:
                found.error(
                    file, path, f"a field of type {columns[name].type} cannot be part of a key"
                )
            if WEAK_KEYS & set(columns[name].tags):
                found.warning(
                    file,
                    path,
                    f"{name} is a weak key: names are not unique, and update times change",
                )
        for name, item in columns.items():
            if "pk" in item.tags and name not in feed.primary_key:
                found.error(
                    file,
                    ("fields", name, "tags"),
                    "is tagged pk and not in primary_key",
                    "name it in primary_key",
                )
        _last_updated(found, feed, file)


def _last_updated(found: Findings, feed: FeedConfig, file: str) -> None:
    name, columns, path = feed.last_updated, feed.outputs, ("last_updated",)
    tagged = [column for column, item in columns.items() if "update-dt" in item.tags]
    if name not in columns and name != "auto":
        found.error(
            file,
            path,
            f"{name} is neither `auto` nor an output name of this feed",
            _unknown_output(feed, name),
        )
    elif name in columns and columns[name].type == "date":
        found.error(
            file,
            path,
            "a date is too coarse to tell which row is newer",
            "use a datetime or integer field, or auto",
        )
    elif name in columns and columns[name].type not in {"datetime", "integer"}:
        found.error(
            file,
            path,
            f"a field of type {columns[name].type} cannot order rows",
            "use a datetime or integer field, or auto",
        )
    elif tagged and name not in tagged and columns[tagged[0]].type == "datetime":
        found.warning(
            file,
            path,
            "the field tagged update-dt should decide which row is newer",
            f"last_updated: {tagged[0]}",
        )


def options(found: Findings) -> None:
    """Options that fit the field's type, and date patterns that can be read."""
    for feed in found.tenant.feeds:
        file = found.place(feed)
        _date_pattern(found, file, ("datetime_format",), feed.datetime_format)
        if feed.timezone and (wrong := zone_problem(feed.timezone)):
            found.error(file, ("timezone",), *wrong)
        for name, item in feed.fields.items():
            if item.format and item.type not in {"date", "datetime"}:
                found.error(
                    file,
                    ("fields", name, "format"),
                    f"a date pattern does not fit a field of type {item.type}",
                )
            else:
                _date_pattern(found, file, ("fields", name, "format"), item.format)
            if item.scale is not None and item.type != "decimal":
                found.error(
                    file,
                    ("fields", name, "scale"),
                    f"a scale does not fit a field of type {item.type}",
                    "use type: decimal",
                )
            if item.type in NESTED and item.tags:
                found.error(
                    file,
                    ("fields", name, "tags"),
                    "a nested field cannot carry tags",
                    "flatten it in a custom domain table",
                )


def _date_pattern(found: Findings, file: str, path: tuple[str, ...], pattern: str | None) -> None:
    if not pattern:
        return
    bare = re.sub(r"'(?:[^']|'')*'", "", pattern)
    wrong = sorted({c for c in bare if c.isalpha() and c not in DATE_LETTERS})
    if "'" in bare:
        found.error(file, path, "a single quote is not closed")
    elif "%" in bare:
        found.error(
            file,
            path,
            "is a strftime pattern",
            "write yyyy-MM-dd HH:mm:ss instead of %Y-%m-%d %H:%M:%S",
        )
    elif wrong:
        found.error(
            file,
            path,
            f"unknown pattern letters: {', '.join(wrong)}",
            "such as yyyy-MM-dd HH:mm:ss; fixed letters in single quotes",
        )
    elif re.search(r"(?<![A-Za-z])m+(?![A-Za-z])", bare) and "H" not in bare and "h" not in bare:
        found.warning(file, path, "`m` is minutes", "months are `M`")


def files(found: Findings) -> None:
    """Where the files are and how they are cut into fields."""
    for feed in found.tenant.feeds:
        file, item = found.place(feed), feed.files
        try:
            FilePattern(item.pattern)
        except PatternError as error:
            found.error(file, ("files", "pattern"), str(error))
        _address(found, file, item.address)
        if item.format == "dsv" and item.delimiter is None:
            found.error(file, ("files",), "format dsv needs a delimiter", 'add `delimiter: ";"`')
        for key in ("delimiter", "quote", "escape"):
            text = getattr(item, key)
            if text is not None and len(text) != 1 and not (text == "" and key != "delimiter"):
                found.error(file, ("files", key), "must be one character")
        if item.encoding is not None:
            try:
                codecs.lookup(item.encoding)
            except LookupError:
                found.error(
                    file,
                    ("files", "encoding"),
                    "is no known encoding",
                    "UTF-8 and UTF-16 with its mark need no setting",
                )
        _contents(found, feed, file)


def _address(found: Findings, file: str, address: str) -> None:
    path = ("files", "address")
    scheme, remote, rest = address.partition("://")
    if remote and scheme not in REMOTE:
        found.error(
            file,
            path,
            f"{scheme}:// cannot be read",
            "use s3://bucket/folder, sftp://user@host/folder or a folder of landing/",
        )
    elif remote and ":" in rest.partition("@")[0] and "@" in rest:
        found.error(
            file,
            path,
            "holds a password",
            "leave it out: it is taken from the environment variable C360_SFTP_PASSWORD",
        )
    elif remote and not rest.partition("/")[0]:
        found.error(
            file,
            path,
            "names no bucket or host",
            "use s3://bucket/folder or sftp://user@host/folder",
        )
    elif not remote and (
        address.strip("/").split("/")[0] != "landing"
        or address[:1] == "/"
        or ".." in address.split("/")
    ):
        found.error(file, path, "must be landing/ or a folder below it")


def _contents(found: Findings, feed: FeedConfig, file: str) -> None:
    item, path = feed.files, ("files", "contents")
    if item.contents is None:
        return
    if item.compression not in {"zip", "tar"}:
        found.error(file, path, "a contents map needs `compression: zip` or `tar`")
    for name, entry in item.contents.items():
        if not (entry is None or isinstance(entry, dict)):
            found.error(
                file,
                (*path, name),
                "must be empty or a map of settings of `files`",
                f"{name}: {{format: ndjson}}",
            )
            continue
        try:
            FilesConfig.model_validate({**item.model_dump(exclude={"contents"}), **(entry or {})})
        except ValidationError as error:
            keys = sorted({str(problem["loc"][0]) for problem in error.errors() if problem["loc"]})
            found.error(
                file, (*path, name), f"has settings that `files` does not know: {', '.join(keys)}"
            )


RULES: tuple[Callable[[Findings], None], ...] = (some_feed, names, outputs, keys, options, files)
