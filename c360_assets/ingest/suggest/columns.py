"""The columns of a sample as fields of a feed: type, output name, tags, and what to check of each.

How texts parse is in `column_types`, what a name may mean in `column_tags`. Values are looked at
and never kept.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace

import polars as pl

from c360_assets.ingest.suggest.column_numbers import (
    DAY_NAME,
    NumberForm,
    are_groups_of_points,
    date_of_numbers,
    is_scientific,
    marks_of,
)
from c360_assets.ingest.suggest.column_tags import are_emails, guess, guess_by_values
from c360_assets.ingest.suggest.column_types import COMPACT, Inferred, infer, present
from c360_assets.ingest.suggest.header_words import Guess, guess_by_name
from c360_assets.ingest.suggest.sample import Sample
from c360_assets.ingest.suggest.table_tags import TableKind, needed_tags, table_kinds
from c360_assets.semantics.tags import CATALOGUE, column_for, is_profile, without_marks
from c360_assets.tenant.check_feeds import GENERATED, OUTPUT_NAME, tidy_name

# What is said by names as they are without accents, in the languages of the catalogue's names.
# A last word, or an ending of a word where no other word ends so (`paid` is no id).
IDENTIFIER_NAME = re.compile(
    r"(^|[^a-z0-9])(id|ids|key|code|sku|upc|ean|isbn|asin|uuid|guid|number|no|nr|num|nro|kod|broj"
    r"|cislo|numer|numero|nummer)[^a-z0-9]*$|^(nr|numer|nro|num|no|broj|cislo)[ _.]"
    r"|(customer|client|order|user|member|contact|profile|account|person|product|item|lead|guest"
    r"|record|transaction|trans|invoice|ticket|line|subscriber|company|kunden|artikel|variant"
    r"|payment|refund|session|event|campaign|send|message)(id|key|code|no|num|number)$"
    r"|[a-z]{3}(nr|nummer)$|^(code|codigo|numero|matricule)([^a-z0-9]|$)"
    r"|^(debitor|kreditor|matricula|folio|recno)$"
    r"|^(order|invoice|receipt|ticket|transaction|reference|bestellung|commande|pedido)$"
    r"|(番号|コード|编号|編號|编码|号|號|번호|코드)$|^(код|номер|ид|κωδικος|αριθμος)(\W|_|$)"
    r"|(\W|_)(код|номер|ид)$",
    re.IGNORECASE,
)
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
MONEY_NAME = re.compile(
    r"price|amount|revenue|total|cost|discount|tax|spend|spent|balance|paid|payment|refund|fee"
    r"|saldo|subtotal|credit|debit|ltv|clv|lifetime.?value|preis|betrag|umsatz|summe|rabatt|prix"
    r"|montant|precio|importe|preco|valor|prezzo|importo|totale|bedrag|prijs|kwota|castka|belopp"
    r"|tutar|fiyat|сумма|цена|стоимость|価格|単価|金額|金额|价格|總計|금액|가격",
    re.IGNORECASE,
)
COUNT_NAME = re.compile(
    r"orders|(?<!ac)count(?!r)|quantity|qty|items|units|visits|points|days|anzahl|menge|quanti|cantidad"
    r"|aantal|ilosc|количество|数量|數量|수량",
    re.IGNORECASE,
)
CHANGED_NAME = re.compile(
    r"updat|modif|modstamp|chang|last.?edit|geandert|geaendert|aktualis|actualiz|atualiz"
    r"|mise a jour|更新|変更",
    re.IGNORECASE,
)
CUSTOMER_NUMBER = re.compile(
    r"(cust(omer)?|client|contact|shopper|profile|member|kunden)[_ ]?"
    r"(id|no|nr|number|key|code|nummer)$|(顧客|会員)(番号|id|コード)$",
    re.IGNORECASE,
)
BRAND_NAME = re.compile(r"(home.?)?brand(.?name)?|marke|marque|marca", re.IGNORECASE)
ISO_SECONDS = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"
OTHER_ALPHABET = re.compile(r"[^\W\d_A-Za-z]")
NUMBERS = {"integer", "decimal", "float"}
NESTED = {"array", "map", "struct"}
LOST_DIGITS = (
    "LOST DIGITS: a spreadsheet wrote long numbers in scientific notation, so that different ones "
    "became equal; export again with this column as text"
)
NO_YEAR = "some dates have no year (0000 or --05-17), so this stays text and has no tag"
YEARLESS = r"^(0000-|--)\d{2}-\d{2}|^0{1,2}[-/.]"
ROW_INDEX_NAME = re.compile(
    r"(unnamed([: _] ?\d+)*|index|idx|level_?\d+|__index_level_\d+__|column_?0|row|#"
    r"|row[ _]?(id|index|no|nr|num|number)|line[ _]?(no|nr|number)|s\.? ?no|sl\.? ?no"
    r"|lfd\.? ?nr|pos)\.?",
    re.IGNORECASE,
)
TRUTH_VALUES = ("true", "false", "t", "f", "yes", "no", "y", "n", "1", "0")
# Tags of persons that may stand in a table of a kind and be something else there: a product has a
# name too. Tables that are not here may hold any.
MAY_STAND_BESIDE = {
    "loy-event": {"email"},
    "email-event": {"email"},
    "email-opt": {"email", "country"},
    "sms-opt": {"phone", "country"},
    "loy": {"email", "birthdate"},
    "pc": {"full-name", "title", "gender", "company"},
}
# What a column is called here that has no name in its file.
NO_NAME = re.compile(r"column\d+|unnamed_\d+")
NAME_1, NAME_2 = Guess("full-name", "1"), Guess("full-name", "2")
ADDRESS = ("address", "address2", "city", "state", "postal", "country")
MONEY_SCALE_OF_FLOATS = 4
MONEY_SCALE_OF_INTEGERS = 2


@dataclass
class Column:
    """One column on its way to a field.

    `unique` is the share of distinct values among the rows, 0 where a value is missing.
    `lost_digits` says that its numbers are no longer whole, `row_index` that it only counts the
    rows. `notes` are what a person should check.
    """

    name: str
    output: str
    inferred: Inferred
    unique: float
    lost_digits: bool = False
    row_index: bool = False
    tags: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def type(self) -> str:
        return self.inferred.type


def describe_columns(sample: Sample, *, day_first: bool = False) -> list[Column]:
    """The columns of a sample; `day_first`: where dates can be read in two ways, the day is."""
    frame = sample.frame
    columns = [
        Column(name, name, _field_type(sample, name), _uniqueness(frame[name]))
        for name in frame.columns
    ]
    _settle_dates(columns, day_first=day_first)
    _settle_decimal_commas(columns, frame)
    for column in columns:
        _look_at_values(column, present(frame[column.name]))
        if not sample.header and not _counts_from_zero(column, frame):
            # The first column of a file without header may as well be its identifier.
            column.row_index = False
    _tag_columns(columns, frame)
    _name_outputs(columns)
    return columns


def _look_at_values(column: Column, values: pl.Series) -> None:
    """Note what a person should know of a column's values."""
    column.row_index = _is_row_index(column, values)
    if column.type == "string" and is_scientific(values):
        column.lost_digits = True
        column.notes.append(LOST_DIGITS)
    if column.inferred.misfits:
        column.notes.append(f"{column.inferred.misfits} of the sample's values do not fit")
    if column.type == "string" and not is_identifier_name(column.name):
        column.notes += _what_was_not_understood(column, values)
    if column.inferred.ambiguous:
        column.notes.append("another date pattern fits too: check which")
    if column.type in {"date", "datetime"} and values.str.contains(YEARLESS).any():
        column.inferred = Inferred("string")
        column.notes = [NO_YEAR]


def _is_row_index(column: Column, values: pl.Series) -> bool:
    """Whether a column only counts the rows, as a data frame or a spreadsheet leaves one behind."""
    if ROW_INDEX_NAME.fullmatch(column.name.strip()) is None:
        return False
    numbers = values.str.strip_suffix(".0").cast(pl.Int64, strict=False)
    if numbers.is_empty() or numbers.null_count():
        return False
    return bool((numbers.diff().drop_nulls() == 1).all())


def _what_was_not_understood(column: Column, values: pl.Series) -> list[str]:
    """What to say of texts that by their name should be days or amounts."""
    plain_name = without_marks(column.name)
    have_digits = values.str.contains(r"\d").sum() * 2 > len(values)
    if column.lost_digits or not have_digits:
        return []
    if DAY_NAME.search(plain_name):
        return [
            "NOT UNDERSTOOD: looks like a day or moment; it stays text unless `format` names it"
        ]
    if MONEY_NAME.search(plain_name):
        return ["NOT UNDERSTOOD: looks like an amount; it stays text unless `number` describes it"]
    return []


def _counts_from_zero(column: Column, frame: pl.DataFrame) -> bool:
    return bool(present(frame[column.name]).head(1).is_in(["0", "0.0"]).any())


def _settle_decimal_commas(columns: list[Column], frame: pl.DataFrame) -> None:
    """Where one column shows decimal commas, points in another stand between thousands."""
    forms = [column.inferred.number for column in columns]
    if not any(form.has_commas for form in forms if form is not None):
        return
    for column in columns:
        values = present(frame[column.name])
        if column.inferred == Inferred("decimal", scale=column.inferred.scale):
            if are_groups_of_points(values):
                column.inferred = Inferred("integer", number=NumberForm(",", ".", 0))
        elif column.type == "integer" and column.inferred.number is not None:
            # `1,020` beside `12,50` is a fraction too.
            column.inferred = Inferred("decimal", scale=3, number=NumberForm(",", None, 3))


def is_identifier_name(name: str) -> bool:
    """Whether a column is called like something that tells one row from another."""
    words = CAMEL.sub("_", without_marks(name).strip())
    return IDENTIFIER_NAME.search(words) is not None


def column_of_changes(columns: list[Column]) -> Column | None:
    """The column that says when a row was changed last: tagged so, else by its name."""
    for column in columns:
        if column.type == "datetime" and "update-dt" in column.tags:
            return column
    # Among names alike a datetime is better than a counter.
    for kind in ("datetime", "integer"):
        for column in columns:
            if column.type == kind and CHANGED_NAME.search(without_marks(column.name)):
                return column
    return None


def _field_type(sample: Sample, name: str) -> Inferred:
    plain_name = without_marks(name)
    values = present(sample.frame[name])
    declared = sample.types.get(name)
    if declared is None:
        return _text_type(infer(values), plain_name, values)
    if declared == "float" and is_identifier_name(name) and _are_whole(values):
        # A data frame keeps whole numbers as floats where one was missing.
        return Inferred("integer")
    date_format = _date_format(declared, plain_name, values)
    if date_format is not None and sample.format in {"json", "ndjson"}:
        return _numbered_date(date_format, values)
    return _declared_type(declared, plain_name, sample.scales.get(name))


def _text_type(inferred: Inferred, plain_name: str, values: pl.Series) -> Inferred:
    """The type of a column of texts, where its name does not ask for another."""
    if inferred.number is not None and inferred.number.thousands is None:
        # Days with a decimal comma are days too.
        values = values.str.replace(",", ".", literal=True)
    date_format = _date_format(inferred.type, plain_name, values)
    if date_format is not None:
        return _numbered_date(date_format, values)
    is_all_digits = inferred.format in {COMPACT, f"{COMPACT}HHmmss", f"{COMPACT}HHmm"}
    if inferred.type not in NUMBERS and not is_all_digits:
        return inferred
    if is_identifier_name(plain_name):
        return Inferred("string")
    is_money = MONEY_NAME.search(plain_name) and not COUNT_NAME.search(plain_name)
    if inferred.type == "integer" and is_money:
        return replace(inferred, type="decimal", scale=MONEY_SCALE_OF_INTEGERS)
    return inferred


def _date_format(type_: str, plain_name: str, values: pl.Series) -> str | None:
    """The `format` of numbers that are days or moments; an amount or a count is neither."""
    if type_ not in NUMBERS or is_identifier_name(plain_name):
        return None
    if MONEY_NAME.search(plain_name) or COUNT_NAME.search(plain_name):
        return None
    return date_of_numbers(plain_name, values)


def _are_whole(values: pl.Series) -> bool:
    numbers = values.cast(pl.Float64, strict=False)
    return len(numbers) > 0 and bool((numbers == numbers.floor()).fill_null(False).all())


def _numbered_date(date_format: str, values: pl.Series) -> Inferred:
    """A date where whole days are counted, else an instant."""
    has_fractions = values.str.contains(r"\.\d*[1-9]").any()
    is_date = date_format == "excel_serial" and not has_fractions
    return Inferred("date" if is_date else "datetime", format=date_format)


def _declared_type(declared: str, plain_name: str, scale: int | None) -> Inferred:
    """The type of a column of a self-describing file, where its name does not ask for another."""
    if declared == "float" and MONEY_NAME.search(plain_name):
        return Inferred("decimal", scale=MONEY_SCALE_OF_FLOATS)
    if declared == "integer" and is_identifier_name(plain_name):
        return Inferred("string")
    return Inferred(declared, scale=scale)


def _uniqueness(values: pl.Series) -> float:
    if values.is_empty() or values.null_count():
        return 0.0
    if (values.cast(pl.String).str.strip_chars() == "").any():
        return 0.0
    return values.n_unique() / len(values)


def _date_part(inferred: Inferred) -> str | None:
    return inferred.format.split(" ")[0] if inferred.format else None


def _settle_dates(columns: list[Column], *, day_first: bool) -> None:
    """Where two patterns fit a column, the order of day and month in other columns decides, else
    `day_first`."""
    certain = {_date_part(c.inferred) for c in columns if not c.inferred.ambiguous} - {None}
    for column in columns:
        possible = (column.inferred, *column.inferred.others)
        fitting = [inferred for inferred in possible if _date_part(inferred) in certain]
        if len(fitting) == 1:
            column.inferred = fitting[0]
        elif day_first and column.inferred.ambiguous:
            by_day = [each for each in possible if (_date_part(each) or "").startswith("d")]
            if len(by_day) == 1:
                others = tuple(each for each in possible if each is not by_day[0])
                column.inferred = replace(by_day[0], others=others)


def _name_outputs(columns: list[Column]) -> None:
    """Output names: that of the file where it can be one, else what is left of it in plain letters.

    What another alphabet has left over is named after its tag.
    """
    taken = {name.lower() for name in GENERATED}
    for column in columns:
        if column.tags and OTHER_ALPHABET.search(without_marks(column.name)):
            stem = column_for(column.tags[0])
        elif OUTPUT_NAME.fullmatch(column.name):
            stem = column.name
        else:
            stem = tidy_name(column.name)
        output, number = stem, 2
        while output.lower() in taken:
            output = f"{stem}_{number}"
            number += 1
        taken.add(output.lower())
        column.output = output


def _tag_columns(columns: list[Column], frame: pl.DataFrame) -> None:
    """Tags where name, values and type allow; of several columns the first gets a single tag."""
    guesses = _guesses(columns, frame)
    guesses = _tag_other_tables(columns, frame, guesses)
    profile = {guessed.tag for guessed in guesses.values() if is_profile(guessed.tag)}
    if profile == {"full-name"}:
        # A name and nothing else of a person is more likely the name of a thing.
        guesses = _without_tag(guesses, "full-name")
    given: set[str] = set()
    for column in columns:
        guessed = guesses.get(column.name)
        if guessed is None:
            if not column.tags:
                _note_possible_tag(column, frame[column.name])
            continue
        if _give_tag(column, guessed.tag, frame[column.name], given):
            given.add(guessed.tag)
    tagged = [column for column in columns if column.tags and column.name in guesses]
    _add_namespaces(tagged, guesses)
    if profile and "update-dt" not in given:
        _tag_time_of_change(columns)


def _tag_other_tables(
    columns: list[Column], frame: pl.DataFrame, guesses: dict[str, Guess]
) -> dict[str, Guess]:
    """Tag what orders, products, events, loyalty and consent say; the guesses that are left.

    A table that lacks what such rows need gets notes only, as `check` would refuse it.
    """
    usable = [column.name for column in columns if column.type not in NESTED]
    personal = {guess.tag for guess in guesses.values() if is_profile(guess.tag)}
    for kind in table_kinds(usable):
        if not personal <= MAY_STAND_BESIDE.get(kind.prefix, personal):
            if kind.prefix == "loy":
                _tag_member_number(kind, columns)
            continue
        missing = [*kind.missing, *_unfitting(kind, columns, frame)]
        links = [column for column in columns if _is_link(column, kind)]
        if kind.prefix == "txn-item" and not links:
            missing.append("the customer's number (fk-customer-id)")
        if missing:
            _note_kind(kind, columns, missing)
            continue
        for column in columns:
            tag = kind.tags.get(column.name)
            if tag is not None and _take_type(column, CATALOGUE[tag].type, frame[column.name]):
                column.tags.append(tag)
        for column in links[:1]:
            _tag_link(column, frame[column.name])
        return {name: guess for name, guess in guesses.items() if name not in kind.tags}
    return guesses


def _unfitting(kind: TableKind, columns: list[Column], frame: pl.DataFrame) -> list[str]:
    """The kind's needed tags whose column holds values of another type."""
    needed = needed_tags(kind.prefix)
    unfitting = []
    for column in columns:
        tag = kind.tags.get(column.name)
        if tag in needed and _typed(column, CATALOGUE[tag].type, frame[column.name]) is None:
            unfitting.append(tag)
    return unfitting


def _is_link(column: Column, kind: TableKind) -> bool:
    """Whether a column of such a table names the person that its rows belong to."""
    if column.lost_digits:
        return False
    if kind.prefix in {"loy", "loy-event"}:
        return kind.tags.get(column.name) == f"{kind.prefix}/loyalty-id"
    plain_name = CAMEL.sub("_", without_marks(column.name))
    is_customer = CUSTOMER_NUMBER.search(plain_name) is not None and column.name not in kind.tags
    return kind.prefix == "txn-item" and is_customer


def _tag_link(column: Column, values: pl.Series) -> None:
    if column.tags:
        column.tags.append("fk-loyalty-id")
        return
    _take_type(column, "string", values)
    column.tags.append("fk-customer-id")
    column.notes.append("the customers' feed has to tag the same number fk-customer-id")


def _tag_member_number(kind: TableKind, columns: list[Column]) -> None:
    """Of persons with their standing in a programme, their number in it."""
    for column in columns:
        if _is_link(column, kind):
            column.inferred = Inferred("string")
            column.tags += ["loyalty-id", "fk-loyalty-id"]


def _note_kind(kind: TableKind, columns: list[Column], missing: list[str]) -> None:
    for column in columns:
        tag = kind.tags.get(column.name)
        if tag in needed_tags(kind.prefix):
            lacking = ", ".join(missing)
            column.notes.append(f"looks like {tag}; not tagged, as no column fits {lacking}")
            return


def _without_tag(guesses: dict[str, Guess], tag: str) -> dict[str, Guess]:
    return {name: guessed for name, guessed in guesses.items() if guessed.tag != tag}


def _give_tag(column: Column, tag: str, values: pl.Series, given: set[str]) -> bool:
    """Tag the column, or note why not and give False. `given` are the tags of columns before it."""
    info = CATALOGUE[tag]
    if tag in given and not info.multi:
        column.notes.append(f"another field is tagged {tag} already")
        return False
    if not _take_type(column, info.type, values):
        yearless = present(values).str.contains(YEARLESS).any()
        why_not = NO_YEAR if yearless else f"looks like {tag}, which needs type {info.type}"
        if why_not not in column.notes:
            column.notes.append(why_not)
        return False
    column.tags.append(tag)
    return True


def _guesses(columns: list[Column], frame: pl.DataFrame) -> dict[str, Guess]:
    """The guess of each column that has one, by the column's name."""
    guesses: dict[str, Guess] = {}
    for column in columns:
        if column.type in NESTED:
            continue
        values = frame[column.name]
        named = NO_NAME.fullmatch(column.name) is None
        guessed = guess(column.name, values) if named else guess_by_values(values)
        if guessed is not None:
            guesses[column.name] = guessed
    return guesses | _names_in_two_columns(columns, frame)


def _names_in_two_columns(columns: list[Column], frame: pl.DataFrame) -> dict[str, Guess]:
    """`Name 1` and `Name 2` with a word each, as ERP systems keep surname and first name."""
    names = {column.name: guess_by_name(column.name) for column in columns}
    two = [name for name, named in names.items() if named in (NAME_1, NAME_2)]
    if len(two) != len((NAME_1, NAME_2)):
        return {}
    for name in two:
        if guess(name, frame[name]) is not None or present(frame[name]).str.contains(r"\d").any():
            return {}
    first, second = two
    return {first: Guess("surname"), second: Guess("given-name")}


def _tag_time_of_change(columns: list[Column]) -> None:
    changed = column_of_changes(columns)
    if changed is not None and changed.type == "datetime":
        changed.tags.append("update-dt")


def _note_possible_tag(column: Column, values: pl.Series) -> None:
    if column.type == "string" and are_emails(values):
        column.notes.append("holds e-mail addresses: tag it email if they are the customer's")
    elif BRAND_NAME.fullmatch(without_marks(column.name).strip()):
        column.notes.append("tag it database-key where each brand has a database of its own")
    elif CUSTOMER_NUMBER.search(column.name) and not column.lost_digits:
        column.notes.append("tag it fk-customer-id where other tables hold the same number")


def _take_type(column: Column, wanted: str, values: pl.Series) -> bool:
    """Give the column the type that its tag asks for; False where its values are of another."""
    typed = _typed(column, wanted, values)
    if typed is None:
        return False
    column.inferred = typed
    if wanted == "string":
        column.notes = []
        marks = marks_of(present(values))
        if marks is not None:
            column.notes.append(f"{marks}: they stay here and are normalised for Stitch")
    return True


def _typed(column: Column, wanted: str, values: pl.Series) -> Inferred | None:
    """How the column's values are read as the wanted type, None where they cannot be."""
    inferred = column.inferred
    if wanted == "string":
        return Inferred("string")
    if wanted in {"any", column.type}:
        return inferred
    if wanted == "datetime" and column.type == "date":
        return replace(inferred, type="datetime")
    if wanted == "date" and column.type == "datetime":
        pattern = _pattern_of_datetimes(column, values)
        return None if pattern is None else replace(inferred, type="date", format=pattern)
    if wanted == "decimal" and column.type in {"integer", "float"}:
        scale = MONEY_SCALE_OF_INTEGERS if column.type == "integer" else MONEY_SCALE_OF_FLOATS
        return replace(inferred, type="decimal", scale=scale)
    if wanted == "integer" and column.type in {"decimal", "float"} and inferred.number is None:
        return Inferred("integer") if _are_whole(present(values)) else None
    texts = present(values).str.to_lowercase()
    if wanted == "boolean" and not texts.is_empty() and texts.is_in(TRUTH_VALUES).all():
        return Inferred("boolean")
    return None


def _pattern_of_datetimes(column: Column, values: pl.Series) -> str | None:
    """The pattern by which a field of type date reads texts with a time, None without one."""
    if column.inferred.format:
        return column.inferred.format
    texts = values.cast(pl.String).drop_nulls()
    return "yyyy-MM-dd HH:mm:ss" if texts.str.contains(ISO_SECONDS).all() else None


def _add_namespaces(columns: list[Column], guesses: dict[str, Guess]) -> None:
    """Where several fields carry a tag, each gets a variant of it too.

    The variant is the same for all fields of an address, of which each has a tag once.
    """
    uses = Counter(column.tags[0] for column in columns)
    several_addresses = any(uses[tag] > 1 for tag in ADDRESS)
    taken: set[str] = set()
    for column in columns:
        tag = column.tags[0]
        variant = f"{tag}-{guesses[column.name].namespace or 'main'}"
        in_address = tag in ADDRESS
        if in_address and variant in taken:
            column.notes.append(f"another field of this address is tagged {tag} already")
            column.tags = []
        elif uses[tag] > 1 or (in_address and several_addresses):
            column.tags.append(_untaken(variant, tag, taken))
        taken.add(variant)


def _untaken(variant: str, tag: str, taken: set[str]) -> str:
    if variant not in taken:
        return variant
    variants = sum(other.startswith(f"{tag}-") for other in taken)
    return f"{tag}-{variants + 1}"
