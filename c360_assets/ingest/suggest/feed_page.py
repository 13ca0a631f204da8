"""The YAML of a proposed feed, a page for a person to read and correct.

What is proposed is decided in `feed`. The text holds names and counts, never a value of the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import polars as pl

from c360_assets.ingest.suggest.column import Column, column_of_changes
from c360_assets.ingest.suggest.column_names import says_utc
from c360_assets.ingest.suggest.column_numbers import NumberForm
from c360_assets.ingest.suggest.column_types import present
from c360_assets.ingest.suggest.draft import Draft, place_of_feed
from c360_assets.ingest.suggest.primary_key import ProposedKey, propose_primary_key
from c360_assets.ingest.suggest.sample import Sample
from c360_assets.ingest.suggest.trial import Trial
from c360_assets.semantics.tags import is_profile
from c360_assets.tenant.check_tags import FEW_PROFILE_TAGS, tell_apart
from c360_assets.tenant.feeds import NUMBER_DATES
from c360_assets.tenant.files import FilePattern
from c360_assets.tenant.schemas import schema_line
from c360_assets.wording import counted

ERROR_PERCENT = 1
# Wrong rows of a sample that a threshold is proposed for: so few, or such a percentage of it.
FEW_REJECTED = 3
MOST_REJECTED_PERCENT = 10
# What some version of YAML reads as a truth value or as nothing.
YAML_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
UTC = "UTC"
# A time that ends in an offset or the name of a zone; AM and PM are none.
WITH_ZONE = r"(?:\d[Zz]|(?::\d{2}(?:\.\d+)?|\d{6}| GMT) ?[+-]\d{2}(?::?\d{2})?|\b[A-Z]{3,5})$"
PLAIN_SCALAR = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*[A-Za-z0-9_]|[A-Za-z_]")


def written(draft: Draft, trial: Trial | None) -> str:
    """The YAML of a feed, with what its trial said, if there was one, as comments."""
    sample, columns = draft.sample, draft.columns
    key = propose_primary_key(columns, sample.frame)
    files = draft.pattern
    proposed = (
        f"Proposed from {counted(sample.frame.height, 'row')} of {_comment(draft.path.name)}."
    )
    place = place_of_feed(draft.source, draft.feed)
    lines = [
        schema_line("feed", place),
        f"# {proposed} Read it, correct it, and save it as",
        f"# {place}; then `c360 check`.",
        *(_about_trial(draft, trial) if trial is not None else []),
        f"source: {_scalar(draft.source)}",
        f"feed: {_scalar(draft.feed)}",
        'description: ""',
        *(f"# {note}" for note in sample.notes),
        f"files: {{{_files(sample, files.pattern)}}}  # {files.note}",
        "load: upsert  # or truncate_and_upsert, when every delivery holds everything",
        *(f"# {note}" for note in key.notes),
        f"primary_key: {_list(key.columns)}",
        *_row_number(key),
        *_fill_down(draft),
        _last_updated(columns),
        _stitch(columns, draft.stitched_table),
        _error_threshold(trial),
        *_timezone(draft),
        *_null_values(draft.missing),
        "fields:",
        *_fields(columns),
    ]
    return "\n".join(lines) + "\n"


def _about_trial(draft: Draft, trial: Trial) -> list[str]:
    """What came of trying it: rows read and rejected and why, or what a person must decide."""
    if trial.errors:
        lines = ["NOT YET RIGHT: `c360 check` will say:"]
        lines += [f"{problem.message}; {problem.remedy or ''}" for problem in trial.errors]
    elif trial.failure:
        lines = [f"NOT YET RIGHT: `c360 load` will say: {trial.failure}"]
    else:
        lines = _about_rows(draft, trial)
    return [f"# {_comment(line)}" for line in lines]


def _about_rows(draft: Draft, trial: Trial) -> list[str]:
    good = trial.read - trial.rejected
    extent = "all of the file" if draft.sample.whole else "the beginning of a larger file"
    lines = [f"Tried: of {counted(trial.read, 'row')} {counted(good, 'loads', 'load')} ({extent})."]
    if trial.rejected:
        lines.append(
            f"{counted(trial.rejected, 'is', 'are')} rejected, each with its line in a log: "
            f"{trial.reasons}"
        )
    if _rejected_percent(trial) > ERROR_PERCENT:
        decision = "correct the file, or raise error_threshold"
        if _may_reject(trial):
            decision = "error_threshold is raised for them; lower it once the file is corrected"
        lines.append(f"DECIDE: those are more than {ERROR_PERCENT} % of the rows: {decision}")
    if trial.same_key:
        lines.append(
            f"{counted(trial.same_key, 'row has', 'rows have')} the key of another row, of which "
            "the later stands"
        )
    return lines


def _rejected_percent(trial: Trial) -> int:
    """The share of rejected rows in whole percent, rounded up."""
    return -(-trial.rejected * 100 // trial.read) if trial.read else 0


def _may_reject(trial: Trial) -> bool:
    """Whether a file's good rows should load although some are wrong: few, beside good ones."""
    few = trial.rejected <= FEW_REJECTED and trial.rejected * 2 <= trial.read
    return few or _rejected_percent(trial) <= MOST_REJECTED_PERCENT


def _error_threshold(trial: Trial | None) -> str:
    percent = ERROR_PERCENT
    if trial is not None and _may_reject(trial):
        percent = max(percent, _rejected_percent(trial))
    return f"error_threshold: {percent}  # percent of wrong rows from which on nothing is loaded"


def _row_number(key: ProposedKey) -> list[str]:
    if key.row_number is None:
        return []
    column, within = _scalar(key.row_number.column), _list(key.row_number.within)
    return [f"row_number: {{column: {column}, within: {within}}}"]


def _fill_down(draft: Draft) -> list[str]:
    found = draft.first_rows
    if found is None:
        return []
    outputs = {column.name: column.output for column in draft.columns}
    by, columns = _scalar(outputs[found.by]), _list([outputs[name] for name in found.columns])
    return [
        f"# {counted(found.rows, 'row')} of the sample say nothing of these, and have what the "
        "first row of their order says",
        f"fill_down: {{by: {by}, columns: {columns}}}",
    ]


def _last_updated(columns: list[Column]) -> str:
    best = column_of_changes(columns)
    if best is not None:
        return f"last_updated: {_scalar(best.output)}  # the newer row wins"
    note = "the later delivery wins; a datetime or integer field is better where there is one"
    return f"last_updated: auto  # {note}"


def _stitch(columns: list[Column], stitched_table: str | None) -> str:
    if stitched_table is not None:
        return f"stitch: false  # {stitched_table} makes columns of it, and is stitched"
    first_tags = {column.tags[0] for column in columns if column.tags}
    profile = {tag for tag in first_tags if is_profile(tag)}
    note = f"{len(profile)} profile tags suggested"
    if profile and any(tag.startswith("fk-") for column in columns for tag in column.tags):
        return f"stitch: true  # {note}, and a number that other feeds know"
    if tell_apart(profile):
        return f"stitch: true  # {note}"
    return f"stitch: false  # {note}; people are told apart well from {FEW_PROFILE_TAGS} on"


def _timezone(draft: Draft) -> list[str]:
    """Whose local time datetimes without a zone are; UTC, where the tenant's is, needs no word."""
    local = [column for column in draft.columns if _has_local_time(column, draft.sample)]
    if draft.zone == UTC or not local:
        return []
    named = [column for column in local if says_utc(column.name)]
    if named:
        others = "" if len(named) == len(local) else "; CHECK: others do not say so"
        return [f"timezone: UTC  # {_comment(named[0].name)} says so{others}"]
    note = "CHECK: of datetimes without a zone; UTC where the sender writes UTC"
    return [f"timezone: {draft.zone}  # {note}"]


def _has_local_time(column: Column, sample: Sample) -> bool:
    values = sample.frame[column.name]
    if column.type != "datetime" or values.dtype != pl.String:
        return False
    if column.inferred.format in NUMBER_DATES:
        return column.inferred.format == "excel_serial"
    return not bool(present(values).str.contains(WITH_ZONE).all())


def _null_values(missing: list[str]) -> list[str]:
    if not missing:
        return []
    texts = ", ".join(json.dumps(text) for text in missing)
    return [f"null_values: [{texts}]  # found where numbers, dates and contacts stand"]


def _files(sample: Sample, pattern: str) -> str:
    FilePattern(pattern)  # what is proposed must be readable
    items = {"pattern": json.dumps(pattern, ensure_ascii=False), "format": sample.format}
    if sample.delimiter is not None:
        items["delimiter"] = json.dumps(sample.delimiter)
    for key, value in sample.options.items():
        items[key] = _scalar(value) if isinstance(value, str) else json.dumps(value)
    if not sample.header:
        items["header"] = "false"
    if sample.quote != '"':
        items["quote"] = json.dumps(sample.quote)
    if sample.escape != '"':
        items["escape"] = json.dumps(sample.escape)
    return ", ".join(f"{key}: {value}" for key, value in items.items())


def _fields(columns: list[Column]) -> list[str]:
    width = max(len(_scalar(column.name)) for column in columns) + 1
    lines = []
    for column in columns:
        key = f"{_scalar(column.name)}:"
        line = f"  {key:<{width}} {{{_options(column)}}}"
        if column.notes:
            line += f"  # {'; '.join(column.notes)}"
        lines.append(line)
    return lines


def _options(column: Column) -> str:
    items = [f"type: {column.type}"]
    if column.output != column.name:
        items.append(f"rename: {_scalar(column.output)}")
    if column.inferred.format is not None:
        items.append(f"format: {json.dumps(column.inferred.format)}")
    if column.inferred.calendar is not None:
        items.append(f"calendar: {column.inferred.calendar}")
    if column.name_order is not None and column.written_tags:
        items.append(f"name_order: {column.name_order}")
    if column.inferred.number is not None:
        items.append(f"number: {_number(column.inferred.number)}")
    if column.inferred.scale is not None:
        items.append(f"scale: {column.inferred.scale}")
    if column.written_tags:
        items.append(f"tags: [{', '.join(column.written_tags)}]")
    return ", ".join(items)


def _number(form: NumberForm) -> str:
    items = [f"decimal: {json.dumps(form.decimal)}"]
    if form.thousands is not None:
        items.append(f"thousands: {json.dumps(form.thousands)}")
    return "{" + ", ".join(items) + "}"


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(map(_scalar, names))}]"


def _comment(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", text)


def _scalar(text: str) -> str:
    """A YAML scalar, quoted unless it is a word that every YAML version reads as a text."""
    if PLAIN_SCALAR.fullmatch(text) and text.lower() not in YAML_WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)
