"""`c360 feed suggest`: a feed's YAML proposed from a sample file, for a person to read and correct.

The sample and its types come from `sample` and `infer`, what a column may mean from `guess`. The text holds names and counts,
never a value of the file.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import polars as pl

from c360_assets.ingest.suggest.column_tags import Guess, are_emails, guess
from c360_assets.ingest.suggest.column_types import (
    Inferred,
    have_decimal_commas,
    infer,
    missing_texts,
    without,
)
from c360_assets.ingest.suggest.sample import Sample, read_sample
from c360_assets.semantics.tags import CATALOGUE, column_for, is_profile, without_marks
from c360_assets.tenant.check_feeds import GENERATED, OUTPUT_NAME, tidy_name
from c360_assets.tenant.check_tags import FEW_PROFILE_TAGS
from c360_assets.tenant.files import FilePattern

# What is said by names as they are without accents, in the languages of the catalogue's column names.
IDENTIFIER_NAME = re.compile(
    r"(^|[_ ])(id|key|code|sku|upc|number|no|nr)$|id$|nummer$|^(numero|codigo)|番号$|コード$",
    re.IGNORECASE,
)
MONEY_NAME = re.compile(
    r"price|amount|revenue|total|cost|discount|tax|spend|spent|balance|preis|betrag|umsatz|prix|montant|precio|importe|preco|valor"
    r"|価格|単価|金額",
    re.IGNORECASE,
)
COUNT_NAME = re.compile(
    r"orders|count|quantity|qty|items|units|visits|points|days|anzahl|menge|quanti|cantidad|数量",
    re.IGNORECASE,
)
CHANGED_NAME = re.compile(
    r"updat|modif|modstamp|chang|last.?edit|geandert|geaendert|aktualis|actualiz|atualiz|mise a jour|更新|変更",
    re.IGNORECASE,
)
ISO_SECONDS = re.compile(r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$")
CUSTOMER_NUMBER = re.compile(
    r"(cust(omer)?|client|contact|shopper|profile|member|kunden)[_ ]?(id|no|nr|number|key|code|nummer)$"
    r"|(顧客|会員)(番号|id|コード)$",
    re.IGNORECASE,
)
DAY_IN_NAME = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d(?P<sign>[-_.]?)(?:0[1-9]|1[0-2])(?P=sign)(?:0[1-9]|[12]\d|3[01])"
    r"|(?P<one>0[1-9]|[12]\d|3[01])(?P<mark>[-_.])(?P<two>0[1-9]|[12]\d|3[01])(?P=mark)(?:19|20)\d\d)(?!\d)"
)
SUFFIXES = re.compile(r"(\.[A-Za-z][A-Za-z0-9]*)+$")
NO_SOURCE = {"", ".", "landing", "tmp", "data", "downloads", "incoming", "files"}
NESTED = {"array", "map", "struct"}
COMMAS = (
    "numbers with a decimal comma stay text; a custom domain table casts them: "
    "replace(replace(X, '.', ''), ',', '.')::DECIMAL(38, 2)"
)
ADDRESS = ("address", "address2", "city", "state", "postal", "country")


@dataclass
class _Column:
    name: str
    output: str
    inferred: Inferred
    unique: float  # distinct values / rows, 0 where a value is missing
    decimal_commas: bool = False
    tags: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def type(self) -> str:
        return self.inferred.type


def suggest_feed(path: Path, source: str | None = None, feed: str | None = None) -> str:
    """The commented YAML of a feed for files like `path`; saved below `feeds/` it passes `check`.

    `source` and `feed` name it; by default the folder and the file do. Raises C360Error when no sample can be read.
    """
    sample = read_sample(path)
    missing = missing_texts(sample.frame)
    sample = replace(sample, frame=without(sample.frame, missing))
    columns = _columns(sample)
    relative = _below_landing(path)
    source = (
        source
        or _title(relative.parent.name if relative.parent.name.lower() not in NO_SOURCE else "")
        or "My Source"
    )
    stem = SUFFIXES.sub("", path.name)
    feed = (
        feed or _title(stem[: day.start()] if (day := DAY_IN_NAME.search(stem)) else stem) or "Feed"
    )
    key, key_notes = _primary_key(columns, sample.frame)
    pattern, pattern_note = _pattern(relative, [c.inferred for c in columns])
    profile = {c.tags[0] for c in columns if c.tags and is_profile(c.tags[0])}
    stitch = len(profile) >= FEW_PROFILE_TAGS
    lines = [
        f"# Proposed from {sample.frame.height} rows of {_comment(path.name)}. Read it, correct it, and save it as",
        f"# feeds/{_file_name(source)}/{_file_name(feed)}.yaml; then `c360 check`.",
        f"source: {_text(source)}",
        f"feed: {_text(feed)}",
        'description: ""',
        f"files: {{{_files(sample, pattern)}}}  # {pattern_note}",
        "load: upsert  # or truncate_and_upsert, when every delivery holds everything",
        *(f"# {note}" for note in key_notes),
        f"primary_key: [{', '.join(_text(c) for c in key)}]",
        _last_updated(columns),
        f"stitch: {str(stitch).lower()}  # {_stitch_note(len(profile), stitch)}",
        "error_threshold: 1  # percent of rows that may be wrong before nothing is loaded",
        *(
            [
                f"null_values: [{', '.join(map(json.dumps, missing))}]  # found where numbers and dates stand"
            ]
            if missing
            else []
        ),
        "fields:",
        *_fields(columns),
    ]
    return "\n".join(lines) + "\n"


def _below_landing(path: Path) -> Path:
    """The path as a pattern sees it: below the last `landing` folder, else the file in its folder."""
    parts = path.resolve().parts
    if "landing" in parts[:-1]:
        last = len(parts) - 2 - parts[:-1][::-1].index("landing")
        return Path(*parts[last + 1 :])
    return (
        Path(*parts[-2:])
        if parts[-2:-1] and parts[-2].lower() not in NO_SOURCE | {"/"}
        else Path(path.name)
    )


def _pattern(relative: Path, types: list[Inferred]) -> tuple[str, str]:
    """The pattern and what is to be said of it; `types` are the columns', whose dates tell a day from a month in the name."""
    text = relative.as_posix()
    found = list(DAY_IN_NAME.finditer(text))
    if not found:
        pattern = _literal(text)
        return pattern, "no date in the name: reloaded whenever the file changes"
    day = found[-1]
    suffix = SUFFIXES.search(relative.name)
    parts, either = _date_parts(day, types)
    sign = day["sign"] or day["mark"] or ""
    date = ("'.'" if sign == "." else sign).join(parts)
    # A letter between quotes only: separators that are no letters may stand bare.
    in_folder = "/" in text[day.end() :]
    tail = (
        (text[day.end() : text.rfind("/") + 1] if in_folder else "")
        + "*"
        + (suffix[0] if suffix else "")
    )
    pattern = _literal(text[: day.start()]) + date + _literal(tail, star=True)
    note = "the delivery day is the date in the name; `*` is anything but /"
    return pattern, note + (
        "; day and month could be the other way round: check which is first" if either else ""
    )


def _date_parts(day: re.Match[str], types: list[Inferred]) -> tuple[list[str], bool]:
    """The order of year, month and day in a name, and whether it could be another."""
    if day["one"] is None:
        return ["yyyy", "MM", "dd"], False
    formats = [t.format for t in types if t.format and not t.ambiguous]
    day_first = int(day["one"]) > 12 or (
        int(day["two"]) <= 12 and any(f.startswith("dd") for f in formats)
    )
    return ["dd", "MM", "yyyy"] if day_first else ["MM", "dd", "yyyy"], max(
        int(day["one"]), int(day["two"])
    ) <= 12


def _literal(text: str, star: bool = False) -> str:
    return "'" + (text if star else text.replace("*", "")).replace("'", "''") + "'" if text else ""


def _columns(sample: Sample) -> list[_Column]:
    columns = [
        _Column(n, n, _type(sample, n), _uniqueness(sample.frame[n])) for n in sample.frame.columns
    ]
    _settle_dates(columns)
    for column in columns:
        if column.inferred.misfits:
            column.notes.append(f"{column.inferred.misfits} of the sample's values do not fit")
        if column.inferred.ambiguous:
            column.notes.append("another date pattern fits too: check which")
        column.decimal_commas = column.type == "string" and have_decimal_commas(
            sample.frame[column.name]
        )
        if column.decimal_commas:
            column.notes.append(COMMAS)
    _tag(columns, sample.frame)
    _name(columns)
    return columns


def _settle_dates(columns: list[_Column]) -> None:
    """Where two patterns fit a column, the order of day and month that the file's other dates show decides."""
    sure = {
        c.inferred.format.split(" ")[0]
        for c in columns
        if c.inferred.format and not c.inferred.ambiguous
    }
    for column in columns:
        fitting = [
            f
            for f in (column.inferred, *column.inferred.others)
            if f.format and f.format.split(" ")[0] in sure
        ]
        if len(fitting) == 1:
            column.inferred = fitting[0]


def _name(columns: list[_Column]) -> None:
    """Output names: that of the file where it is one, else what is left of it in plain letters, else that of its tag."""
    taken = {name.lower() for name in GENERATED}
    for column in columns:
        output = column.name if OUTPUT_NAME.fullmatch(column.name) else tidy_name(column.name)
        if column.tags and re.search(r"[^\W\d_A-Za-z]", without_marks(column.name)):
            output = column_for(column.tags[0])
        stem, number = output, 2
        while output.lower() in taken:
            output, number = f"{stem}_{number}", number + 1
        taken.add(output.lower())
        column.output = output


def _type(sample: Sample, name: str) -> Inferred:
    declared, plain = sample.types.get(name), without_marks(name)
    if declared == "float" and MONEY_NAME.search(plain):
        return Inferred("decimal", scale=4)
    if declared == "integer" and IDENTIFIER_NAME.search(plain):
        return Inferred("string")
    if declared is not None:
        return Inferred(declared, scale=sample.scales.get(name))
    inferred = infer(sample.frame[name])
    number = inferred.type in {"integer", "decimal", "float"} or (
        inferred.type == "date" and inferred.format == "yyyyMMdd"
    )
    if number and IDENTIFIER_NAME.search(plain):
        return Inferred("string")
    if inferred.type == "integer" and MONEY_NAME.search(plain) and not COUNT_NAME.search(plain):
        return Inferred("decimal", scale=2, misfits=inferred.misfits)
    return inferred


def _uniqueness(column: pl.Series) -> float:
    if (
        column.is_empty()
        or column.null_count()
        or (column.cast(pl.String).str.strip_chars() == "").any()
    ):
        return 0.0
    return column.n_unique() / len(column)


def _tag(columns: list[_Column], frame: pl.DataFrame) -> None:
    """Tags where name, values and type allow; a tag that one field only may carry goes to the first."""
    guesses = {
        c.name: found
        for c in columns
        if c.type not in NESTED and (found := guess(c.name, frame[c.name]))
    }
    profile = {g.tag for g in guesses.values() if is_profile(g.tag)}
    if profile == {"full-name"}:  # more likely the name of a thing
        guesses = {name: g for name, g in guesses.items() if g.tag != "full-name"}
    given: set[str] = set()
    for column in columns:
        found = guesses.get(column.name)
        if found is None:
            if column.type == "string" and are_emails(frame[column.name]):
                column.notes.append(
                    "holds e-mail addresses: tag it email if they are the customer's"
                )
            elif CUSTOMER_NUMBER.search(column.name):
                column.notes.append("tag it fk-customer-id where other tables hold the same number")
            continue
        info = CATALOGUE[found.tag]
        if found.tag in given and not info.multi:
            column.notes.append(f"another field is tagged {found.tag} already")
        elif not _typed(column, info.type, frame[column.name]):
            column.notes.append(f"looks like {found.tag}, which needs type {info.type}")
        else:
            column.tags.append(found.tag)
            given.add(found.tag)
    _namespaces([c for c in columns if c.tags], guesses)
    changed = _changed(columns)
    if changed is not None and changed.type == "datetime" and profile and "update-dt" not in given:
        changed.tags.append("update-dt")


def _typed(column: _Column, type_: str, values: pl.Series) -> bool:
    """Give the column the type that its tag asks for; False where its values are of another."""
    if type_ == "string":
        column.inferred, column.notes = Inferred("string"), []
    elif type_ == "datetime" and column.type == "date":
        column.inferred = replace(column.inferred, type="datetime")
    elif type_ == "date" and column.type == "datetime":
        texts = values.cast(pl.String).drop_nulls()
        pattern = column.inferred.format or (
            "yyyy-MM-dd HH:mm:ss" if texts.str.contains(ISO_SECONDS.pattern).all() else None
        )
        if pattern is None:
            return False
        column.inferred = replace(column.inferred, type="date", format=pattern)
    return type_ == column.type


def _namespaces(columns: list[_Column], guesses: dict[str, Guess]) -> None:
    """Where several fields carry a tag, each gets a variant of it too, the same for all fields of an address."""
    used = Counter(c.tags[0] for c in columns)
    addresses = any(used[tag] > 1 for tag in ADDRESS)
    taken: set[str] = set()
    for column in columns:
        tag = column.tags[0]
        variant = f"{tag}-{guesses[column.name].namespace or 'main'}"
        if tag in ADDRESS and variant in taken:
            column.notes.append(f"another field of this address is tagged {tag} already")
            column.tags = []
        elif used[tag] > 1 or (tag in ADDRESS and addresses):
            column.tags.append(
                f"{tag}-{1 + sum(t.startswith(f'{tag}-') for t in taken)}"
                if variant in taken
                else variant
            )
        taken.add(variant)


def _primary_key(columns: list[_Column], frame: pl.DataFrame) -> tuple[list[str], list[str]]:
    usable = [c for c in columns if c.type in {"string", "integer"} and not c.decimal_commas]
    ids = [
        c
        for c in usable
        if IDENTIFIER_NAME.search(c.output) or IDENTIFIER_NAME.search(without_marks(c.name))
    ]
    # Names and contact data repeat and change: they are candidates only where nothing else is.
    candidates = sorted(usable, key=lambda c: (-c.unique, c not in ids, bool(c.tags)))[:5]
    listed = "candidates, percent unique without gaps: " + ", ".join(
        f"{c.output} {100 * c.unique:.1f}" for c in candidates
    )
    whole = [c for c in candidates if c.unique == 1.0]
    firm = [c for c in whole if c in ids] or [c for c in whole if not c.tags] or whole
    if firm:
        return [firm[0].output], [listed]
    pairs = [
        pair
        for pair in combinations([c for c in ids if c.unique > 0][:6], 2)
        if frame.select([c.name for c in pair]).is_unique().all()
    ]
    if pairs:
        return [c.output for c in pairs[0]], [
            listed,
            "no single column is unique; these two are together",
        ]
    whole_rows = [c for c in usable if not frame[c.name].null_count() and c.unique < 1.0]
    by_variety = sorted(
        whole_rows, key=lambda c: (-frame[c.name].n_unique(), c not in ids, c.type != "string")
    )[:6]
    for pair in combinations(by_variety, 2):
        if frame.select([c.name for c in pair]).is_unique().all():
            return [c.output for c in pair], [
                listed,
                "no single column is unique; these two are together in this sample",
            ]
    fallback = (candidates or columns)[0]
    return [fallback.output], [
        listed,
        "NO COLUMN IS UNIQUE in the sample: name the columns that identify a row",
    ]


def _changed(columns: list[_Column]) -> _Column | None:
    """The column that says when a row was changed last: tagged so, else by its name."""
    tagged = [c for c in columns if c.type == "datetime" and "update-dt" in c.tags]
    named = [
        c
        for c in columns
        if c.type in {"datetime", "integer"} and CHANGED_NAME.search(without_marks(c.name))
    ]
    return next(iter(tagged + sorted(named, key=lambda c: c.type)), None)


def _last_updated(columns: list[_Column]) -> str:
    best = _changed(columns)
    if best is not None:
        return f"last_updated: {_text(best.output)}  # the newer row wins"
    return "last_updated: auto  # the later delivery wins; a datetime or integer field is better where there is one"


def _stitch_note(tags: int, stitch: bool) -> str:
    return (
        f"{tags} profile tags suggested"
        if stitch
        else f"{tags} profile tags suggested; people are told apart well from {FEW_PROFILE_TAGS} on"
    )


def _files(sample: Sample, pattern: str) -> str:
    FilePattern(pattern)  # what is proposed must be readable
    items = {"pattern": json.dumps(pattern, ensure_ascii=False), "format": sample.format}
    if sample.delimiter is not None:
        items["delimiter"] = json.dumps(sample.delimiter)
    items |= {key: _text(value) for key, value in sample.options.items()}
    if not sample.header:
        items["header"] = "false"
    items |= {
        key: json.dumps(value)
        for key, value in (("quote", sample.quote), ("escape", sample.escape))
        if value != '"'
    }
    return ", ".join(f"{key}: {value}" for key, value in items.items())


def _fields(columns: list[_Column]) -> list[str]:
    width = max(len(_text(c.name)) for c in columns) + 1
    return [
        f"  {_text(c.name) + ':':<{width}} {{{_options(c)}}}"
        + (f"  # {'; '.join(c.notes)}" if c.notes else "")
        for c in columns
    ]


def _options(column: _Column) -> str:
    items = [f"type: {column.type}"]
    if column.output != column.name:
        items.append(f"rename: {_text(column.output)}")
    if column.inferred.format is not None:
        items.append(f"format: {json.dumps(column.inferred.format)}")
    if column.inferred.scale is not None:
        items.append(f"scale: {column.inferred.scale}")
    if column.tags:
        items.append(f"tags: [{', '.join(column.tags)}]")
    return ", ".join(items)


def _title(text: str) -> str:
    words = re.split(r"[^A-Za-z0-9]+", text)
    return " ".join(w[:1].upper() + w[1:] for w in words if w)


def _file_name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "feed"


def _comment(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", text)


def _text(text: str) -> str:
    """A YAML scalar, quoted unless it is a plain word that no YAML version reads as something else."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_ ]*[A-Za-z0-9_]|[A-Za-z_]", text)
    return (
        text
        if plain
        and text.lower() not in {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
        else json.dumps(text, ensure_ascii=False)
    )
