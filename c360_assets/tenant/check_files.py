"""Checks of where a feed's files are, and of how they are read and cut into fields.

What becomes of the fields is `check_feeds`.
"""

from __future__ import annotations

import codecs
from itertools import pairwise
from typing import Any

import polars as pl
from pydantic import ValidationError

from c360_assets.tenant.config_check import ConfigCheck
from c360_assets.tenant.document import KeyPath
from c360_assets.tenant.files import FilePattern, PatternError
from c360_assets.tenant.models import FilesConfig
from c360_assets.tenant.secrets_in_files import has_user_info

TEXT_FORMATS = ("csv", "psv", "tsv", "dsv")
# Keys of `files` that only some formats know.
FORMATS_OF = {
    "skip_lines": (*TEXT_FORMATS, "fixed", "xlsx"),
    "drop_rows": (*TEXT_FORMATS, "fixed", "xlsx"),
    "columns_at": ("fixed",),
    "columns_in_bytes": ("fixed",),
    "records": ("json", "ndjson"),
    "sheet": ("xlsx",),
}
REMOTE = ("s3", "sftp", "gs", "az", "abfs")


def check_files(check: ConfigCheck) -> None:
    """Where the files are and how they are cut into fields."""
    for feed in check.tenant.feeds:
        file = check.file_of(feed)
        try:
            FilePattern(feed.files.pattern)
        except PatternError as error:
            check.error(file, ("files", "pattern"), str(error))
        _check_address(check, file, feed.files.address)
        _check_text_format(check, file, ("files",), feed.files)
        _check_contents(check, file, feed.files)


def _check_text_format(check: ConfigCheck, file: str, path: KeyPath, files: FilesConfig) -> None:
    _check_format_options(check, file, path, files)
    if files.format == "dsv" and files.delimiter is None:
        check.error(file, ("files",), "format dsv needs a delimiter", 'add `delimiter: ";"`')
    if files.delimiter is not None and len(files.delimiter) != 1:
        check.error(file, ("files", "delimiter"), "must be one character")
    for key, character in (("quote", files.quote), ("escape", files.escape)):
        # An empty text switches quotes or escapes off.
        if len(character) > 1:
            check.error(file, ("files", key), "must be one character")
    if files.encoding is not None:
        try:
            codecs.lookup(files.encoding)
        except LookupError:
            remedy = "UTF-8 and UTF-16 with its mark need no setting"
            check.error(file, ("files", "encoding"), "is no known encoding", remedy)


def _check_format_options(check: ConfigCheck, file: str, path: KeyPath, files: FilesConfig) -> None:
    """Settings that another format than the declared one has, and the pattern of rows to drop."""
    for key, formats in FORMATS_OF.items():
        if getattr(files, key) and files.format not in formats:
            message = f"does not fit format {files.format}"
            check.error(file, (*path, key), message, f"it is for {', '.join(formats)}")
    at = files.columns_at
    if files.format == "fixed" and not at:
        remedy = "the place of each column's first character, from 0: [0, 10, 30]"
        check.error(file, (*path, "columns_at"), "is missing", remedy)
    if at and any(begin >= end for begin, end in pairwise(at)):
        remedy = "give each column's place once, in their order"
        check.error(file, (*path, "columns_at"), "does not rise", remedy)
    if files.drop_rows is not None and not is_row_pattern(files.drop_rows):
        remedy = "a regular expression without look-around, such as '^Total'"
        check.error(file, (*path, "drop_rows"), "is no regular expression for rows", remedy)


def is_row_pattern(pattern: str) -> bool:
    """Whether the engine that reads rows knows a regular expression, which has no look-around."""
    if not pattern:
        return False
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError:
        return False
    return True


def _check_address(check: ConfigCheck, file: str, address: str) -> None:
    path = ("files", "address")
    scheme, mark, place = address.partition("://")
    if not mark:
        if not _is_below_landing(address):
            check.error(file, path, "must be landing/ or a folder below it")
    elif scheme not in REMOTE:
        remedy = (
            "use s3://, gs:// or az:// with a bucket and folder, sftp://host/folder, or a folder "
            "of landing/"
        )
        check.error(file, path, f"{scheme}:// cannot be read", remedy)
    elif has_user_info(address):
        remedy = (
            "leave it out: environment variables hold it, such as C360_SFTP_USER and "
            "C360_SFTP_PASSWORD"
        )
        check.error(file, path, "holds a user or password", remedy)
    elif not place.partition("/")[0]:
        remedy = "write it as s3://bucket/folder or sftp://host/folder"
        check.error(file, path, "names no bucket or host", remedy)
    elif {"#", "?"} & set(place):
        remedy = "give the folder another name"
        check.error(file, path, "holds # or ?, at which an address ends", remedy)


def _is_below_landing(address: str) -> bool:
    if address.startswith("/") or ".." in address.split("/"):
        return False
    return address.strip("/").split("/")[0] == "landing"


def _check_contents(check: ConfigCheck, file: str, files: FilesConfig) -> None:
    path = ("files", "contents")
    if files.contents is None:
        return
    if files.compression not in {"zip", "tar"}:
        check.error(file, path, "a contents map needs `compression: zip` or `tar`")
    for name, settings in files.contents.items():
        _check_contents_settings(check, file, (*path, name), files, settings)


def _check_contents_settings(
    check: ConfigCheck, file: str, path: KeyPath, files: FilesConfig, settings: Any
) -> None:
    """The settings of one member of an archive, which stand before those of the whole file."""
    if settings is not None and not isinstance(settings, dict):
        message = "must be empty or a map of settings of `files`"
        check.error(file, path, message, f"{path[-1]}: {{format: ndjson}}")
        return
    merged = files.model_dump(exclude={"contents"}) | (settings or {})
    try:
        _check_format_options(check, file, path, FilesConfig.model_validate(merged))
    except ValidationError as error:
        keys = sorted({str(item["loc"][0]) for item in error.errors() if item["loc"]})
        message = f"has settings that `files` does not know: {', '.join(keys)}"
        check.error(file, path, message)
