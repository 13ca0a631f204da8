"""Phone numbers in their international form, by the numbering plan of a country.

A plan is what the library `phonenumbers` (a port of Google's libphonenumber) knows of a country:
its code, what is dialled before a number at home and abroad, and which numbers there are. From it
come two spellings of one rule, a Polars expression and macros for SQL, so that matching, reports
and hashes agree and table SQL runs on any engine; asking the library number by number would be a
hundred times as slow, and no other engine could. Tests hold both against the library.

Marks of exports and extensions are `contact_marks`'.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from c360_assets.semantics.contact_marks import EXTENSION, phone_digits, phone_text, quoted
from c360_assets.semantics.countries import Home

# "+44 (0)20 7946 0958": the zero in brackets is not dialled from abroad, except to Italy.
_TRUNK_IN_BRACKETS = r"^[^0-9]*(?:\+|00)[^0-9]*(?:[124-9][0-9]{0,2}|3[0-8][0-9]?)[^0-9(]*\(0\)"
_HAS_PLUS = r"^[^0-9]*\+"
_ANYWHERE = "^[1-9][0-9]{6,14}$"
_NORTH_AMERICA = "1"
_NATIONAL_DIGITS = 10  # of North American numbers, which are compared without their 1
# Most numbers there are written so, and are seen to be numbers in a fifth of the time.
_USUAL_NORTH_AMERICAN = "^[2-9][0-9]{9}$"
# What was dialled before numbers until a reform, and is still in records; the library forgot it.
# Mexican mobile phones had 1 from abroad, 044 and 045 at home, until 2019; in Ukraine 8 stood
# before the 0 of long distance until 2009.
RETIRED_TRUNKS = {"MX": "0(?:[12]|4[45])|1", "UA": "8?0"}
# Numbers that a reform changed and records still have, as they are now: a pattern of national ones
# and what stands between its two groups. In Brazil mobile numbers have one digit more since 2016,
# in Vietnam one less since 2018, in Ivory Coast (2021) and Benin (2024) two more.
_VIETNAM = {
    "120": "70", "121": "79", "122": "77", "126": "76", "128": "78", "123": "83", "124": "84",
    "125": "85", "127": "81", "129": "82", "186": "56", "188": "58", "199": "59",
}  # fmt: skip
RENUMBERED: dict[str, tuple[tuple[str, str], ...]] = {
    "VN": (
        ("^()16([2-9][0-9]{7})$", "3"),
        *((f"^(){old}([0-9]{{7}})$", new) for old, new in _VIETNAM.items()),
    ),
    "BR": (("^([1-9][0-9])([89][0-9]{7})$", "9"),),
    "CI": (
        ("^()([0457][0-3][0-9]{6})$", "01"),
        ("^()([04-9][4-6][0-9]{6})$", "05"),
        ("^()([04-9][7-9][0-9]{6})$", "07"),
    ),
    "BJ": (("^()([2-9][0-9]{7})$", "01"),),
}


@dataclass(frozen=True)
class PhonePlan:
    """The numbering plan of one region, as patterns that all engines read.

    `abroad` matches what is dialled before a foreign number, `trunk` what is dialled before a
    number at home (None where nothing is); the last of its `n_groups` groups, where it is filled,
    makes `rewritten` the beginning of the number. `number` matches national numbers, `possible`
    also those of a usual length that are not assigned, `mobile` those of mobile phones.
    `renumbered` are patterns of numbers that a reform changed, and what it put between the two
    groups of each. `carriers_hide_code`: what is dialled to choose a carrier abroad may begin as 00
    and the country's own code do, as 008 in Korea, whose code is 82.
    """

    region: str
    code: str
    abroad: str
    trunk: str | None
    rewritten: str | None
    n_groups: int
    number: str
    possible: str
    mobile: str
    renumbered: tuple[tuple[str, str], ...]
    carriers_hide_code: bool


def regions() -> frozenset[str]:
    """Countries that have a numbering plan."""
    # Imported where it is needed, as it loads its tables, which most tenants never need.
    from phonenumbers import SUPPORTED_REGIONS

    return frozenset(SUPPORTED_REGIONS)


@cache
def plan_of(region: str) -> PhonePlan | None:
    """The plan of a country by its ISO code, None where there is none."""
    if region not in regions():
        return None
    from phonenumbers import PhoneMetadata

    metadata: Any = PhoneMetadata.metadata_for_region(region, None)
    pattern = _bare(metadata.general_desc.national_number_pattern)
    kinds = (metadata.fixed_line, metadata.mobile)
    lengths = {length for kind in kinds if kind for length in kind.possible_length or ()}
    usual = [rf"[0-9]{{{length}}}" for length in sorted(lengths) if length > 0]
    # Where it is not known which phones are mobile, none is.
    mobile = _bare(getattr(metadata.mobile, "national_number_pattern", None) or "[^0-9]")
    trunk = RETIRED_TRUNKS.get(region) or metadata.national_prefix_for_parsing
    code = str(metadata.country_code)
    abroad = f"^(?:{_bare(metadata.international_prefix or '00')}|00)([1-9].*)$"
    return PhonePlan(
        region=region,
        code=code,
        abroad=abroad,
        trunk=f"^(?:{_bare(trunk)})" if trunk else None,
        rewritten=metadata.national_prefix_transform_rule,
        n_groups=re.compile(trunk).groups if trunk else 0,
        number=f"^(?:{pattern})$",
        possible=f"^(?:{'|'.join([pattern, *usual])})$",
        mobile=f"^(?:{mobile})$",
        renumbered=RENUMBERED.get(region, ()),
        carriers_hide_code=_hides(abroad, code),
    )


def _hides(abroad: str, code: str) -> bool:
    """Whether some number with 00 and the code is read as one behind a longer prefix."""
    numbers = (f"{code}{digits:02}345678" for digits in range(100))
    found = ((number, re.match(abroad, f"00{number}")) for number in numbers)
    return any(match is not None and match[1] != number for number, match in found)


def home_plan(home: Home | None) -> PhonePlan | None:
    """The plan that reads a tenant's numbers, None where numbers are read as they always were."""
    return plan_of(home.phone_region) if home else None


def _bare(pattern: str) -> str:
    return re.sub(r"\s", "", pattern).replace(r"\d", "[0-9]")


def international(number: pl.Expr, plan: PhonePlan) -> pl.Expr:
    """The digits of one number with its country's code (E.164 without `+`).

    NULL where it is no possible number.
    """

    def of_column(values: pl.Series) -> pl.Series:
        if plan.code != _NORTH_AMERICA:
            return of_unusual(values)
        is_usual = values.str.contains(_USUAL_NORTH_AMERICAN).fill_null(False)
        if is_usual.all():
            return plan.code + values
        unusual = of_unusual(values.filter(~is_usual))
        return (plan.code + values).scatter((~is_usual).arg_true(), unusual)

    def of_unusual(values: pl.Series) -> pl.Series:
        frame = values.rename("value").to_frame()
        frame = frame.with_columns(text=_without_trunk_in_brackets(phone_text(pl.col("value"))))
        frame = frame.with_columns(digits=phone_digits(pl.col("text")))
        return frame.select(_international(plan)).to_series().rename(values.name)

    return number.map_batches(of_column, return_dtype=pl.String, is_elementwise=True)


def _without_trunk_in_brackets(text: pl.Expr) -> pl.Expr:
    written = text.str.replace(EXTENSION, "")
    without = written.str.replace_all("(0)", "", literal=True)
    return pl.when(written.str.contains(_TRUNK_IN_BRACKETS)).then(without).otherwise(written)


def _international(plan: PhonePlan) -> pl.Expr:
    """Over the columns `text` and `digits`."""
    digits = pl.col("digits")
    from_home = _after_code(digits, plan)
    is_foreign_dialling = digits.str.contains(plan.abroad)
    # 49171... could be a line in the town of Leer, but nobody leaves out its zero.
    is_number_with_code = from_home.str.contains(plan.mobile) | (
        ~digits.str.contains(plan.number) & from_home.str.contains(plan.number)
    )
    is_with_code = digits.str.starts_with(plan.code) & is_number_with_code
    national = _national(digits, plan)
    from_zeros = pl.lit(None, dtype=pl.String)
    if plan.carriers_hide_code:
        after_zeros = _after_code(digits.str.slice(2), plan)
        is_own = digits.str.starts_with(f"00{plan.code}") & after_zeros.str.contains(plan.number)
        from_zeros = pl.when(is_own).then(plan.code + after_zeros)
    return (
        pl.when(pl.col("text").str.contains(_HAS_PLUS))
        .then(_from_abroad(digits, plan))
        .when(from_zeros.is_not_null())
        .then(from_zeros)
        .when(is_foreign_dialling)
        .then(_from_abroad(digits.str.extract(plan.abroad), plan))
        .when(is_with_code)
        .then(plan.code + from_home)
        .when(national.str.contains(plan.possible))
        .then(plan.code + national)
    )


def _after_code(digits: pl.Expr, plan: PhonePlan) -> pl.Expr:
    return _national(digits.str.slice(len(plan.code)), plan)


def _from_abroad(digits: pl.Expr, plan: PhonePlan) -> pl.Expr:
    """Digits that begin with the code of some country."""
    national = _after_code(digits, plan)
    at_home = pl.when(national.str.contains(plan.possible)).then(plan.code + national)
    elsewhere = pl.when(digits.str.contains(_ANYWHERE)).then(digits)
    return pl.when(digits.str.starts_with(plan.code)).then(at_home).otherwise(elsewhere)


def _national(digits: pl.Expr, plan: PhonePlan) -> pl.Expr:
    """A number without what is dialled before it, unless only with that it is a number."""
    if plan.trunk is None:
        return _as_now(digits, plan)
    stripped = digits.str.replace(plan.trunk, "")
    if plan.rewritten:
        begins_anew = digits.str.extract(plan.trunk, plan.n_groups).fill_null("") != ""
        beginning = re.sub(r"\\([0-9])", r"${\1}", plan.rewritten)
        rewritten = digits.str.replace(plan.trunk, beginning)
        stripped = pl.when(begins_anew).then(rewritten).otherwise(stripped)
    stripped = _as_now(stripped, plan)
    is_whole = digits.str.contains(plan.number) & ~stripped.str.contains(plan.number)
    return pl.when(is_whole).then(digits).otherwise(stripped)


def _as_now(national: pl.Expr, plan: PhonePlan) -> pl.Expr:
    """A national number as it is since the last reform."""
    for pattern, inserted in plan.renumbered:
        national = national.str.replace(pattern, f"${{1}}{inserted}${{2}}")
    return national


def compared(number: pl.Expr, plan: PhonePlan | None) -> pl.Expr:
    """The form by which numbers are compared.

    With a plan the international digits, without its 1 where the number is North American, and all
    digits of what is no possible number. Without a plan the last ten digits.
    """
    if plan is None:
        return phone_digits(number).str.tail(_NATIONAL_DIGITS)
    known = international(number, plan)
    is_north_american = known.str.contains(rf"^{_NORTH_AMERICA}[0-9]{{{_NATIONAL_DIGITS}}}$")
    short = pl.when(is_north_american).then(known.str.tail(_NATIONAL_DIGITS)).otherwise(known)
    return pl.coalesce(short, phone_digits(number))


def by_region(
    numbers: pl.Series, own_regions: pl.Series | None, home: Home | None, *, e164: bool = False
) -> pl.Series:
    """The compared form of each number, or with `e164` its international digits after a `+`.

    `own_regions` holds the ISO codes of the countries that records name, NULL where they name
    none; there, and where a country has no plan, the numbers are read by the plan at home.
    """
    plan = home_plan(home)
    if plan is None or home is None:
        assert not e164, "without a plan there is no international form"
        return numbers.to_frame("v").select(compared(pl.col("v"), None)).to_series()
    frame = numbers.rename("value").to_frame().with_row_index("row")
    no_region = pl.lit(None, dtype=pl.String)
    own = pl.lit(own_regions) if own_regions is not None else no_region
    has_own_plan = own.is_in(sorted(regions() - {home.country}))
    frame = frame.with_columns(region=pl.when(has_own_plan).then(own).otherwise(no_region))
    # Of no number at all there is no part.
    parts = [frame.select("row", form="value").clear()]
    for (region,), rows in frame.partition_by("region", as_dict=True).items():
        own_plan = plan if region is None else plan_of(str(region))
        assert own_plan is not None
        value = pl.col("value")
        form = "+" + international(value, own_plan) if e164 else compared(value, own_plan)
        parts.append(rows.select("row", form.alias("form")))
    return pl.concat(parts).sort("row").get_column("form").rename(numbers.name)


def e164_column(column: str) -> str:
    """The column that holds the numbers of `column` in international form."""
    return f"{column}_e164"


def phone_plan_macros(plan: PhonePlan | None) -> list[str]:
    """Macros `phone_compared(v)`, and with a plan `phone_international(v)` that it uses.

    They follow those of `contact_marks`.
    """
    if plan is None:
        return [_macro("phone_compared(v)", f"right(phone_digits(v), {_NATIONAL_DIGITS})")]
    written = f"regexp_replace(phone_text(v), {quoted(EXTENSION)}, '')"
    has_trunk = _matches("w", _TRUNK_IN_BRACKETS)
    text = _on(written, "w", f"CASE WHEN {has_trunk} THEN replace(w, '(0)', '') ELSE w END")
    known = _on("phone_digits(t)", "d", _international_sql(plan))
    is_north_american_plan = plan.code == _NORTH_AMERICA
    is_usual = _matches("v", _USUAL_NORTH_AMERICAN)
    usual = f"CASE WHEN {is_usual} THEN '{plan.code}' || v ELSE " if is_north_american_plan else ""
    end = " END" if is_north_american_plan else ""
    is_north_american = rf"regexp_matches(e, '^{_NORTH_AMERICA}[0-9]{{{_NATIONAL_DIGITS}}}$')"
    form = (
        f"CASE WHEN e IS NULL THEN phone_digits(v)"
        f" WHEN {is_north_american} THEN right(e, {_NATIONAL_DIGITS}) ELSE e END"
    )
    return [
        _macro("phone_national(d)", _national_sql(plan)),
        _macro("phone_international(v)", usual + _on(text, "t", known) + end),
        _macro("phone_compared(v)", _on("phone_international(v)", "e", form)),
    ]


def _macro(signature: str, body: str) -> str:
    return f"CREATE OR REPLACE TEMP MACRO {signature} AS {body}"


def _on(value: str, name: str, body: str) -> str:
    """The body over a value that is computed once and has a name there."""
    return f"list_transform([{value}], lambda {name}: {body})[1]"


def _matches(text: str, pattern: str) -> str:
    return f"regexp_matches({text}, {quoted(pattern)})"


def _international_sql(plan: PhonePlan) -> str:
    """Over the text `t` of a number and its digits `d`."""
    code = quoted(plan.code)
    after_code = f"phone_national(substr(d, {len(plan.code) + 1}))"
    abroad = f"regexp_extract(d, {quoted(plan.abroad)}, 1)"
    with_code = (
        f"starts_with(d, {code}) AND ({_matches(after_code, plan.mobile)}"
        f" OR NOT {_matches('d', plan.number)} AND {_matches(after_code, plan.number)})"
    )
    own = ""
    if plan.carriers_hide_code:
        from_zeros = f"phone_national(substr(d, {len(plan.code) + 3}))"
        is_own = (
            f"starts_with(d, {quoted(f'00{plan.code}')}) AND {_matches(from_zeros, plan.number)}"
        )
        own = f" WHEN {is_own} THEN {code} || {from_zeros}"
    return (
        f"CASE WHEN {_matches('t', _HAS_PLUS)} THEN {_from_abroad_sql('d', plan)}{own}"
        f" WHEN {_matches('d', plan.abroad)} THEN {_on(abroad, 'a', _from_abroad_sql('a', plan))}"
        f" WHEN {with_code} THEN {code} || {after_code}"
        f" WHEN {_matches('phone_national(d)', plan.possible)}"
        f" THEN {code} || phone_national(d) END"
    )


def _from_abroad_sql(digits: str, plan: PhonePlan) -> str:
    code = quoted(plan.code)
    national = f"phone_national(substr({digits}, {len(plan.code) + 1}))"
    return (
        f"CASE WHEN starts_with({digits}, {code}) THEN"
        f" CASE WHEN {_matches(national, plan.possible)} THEN {code} || {national} END"
        f" WHEN {_matches(digits, _ANYWHERE)} THEN {digits} END"
    )


def _national_sql(plan: PhonePlan) -> str:
    if plan.trunk is None:
        return _as_now_sql("d", plan)
    trunk = quoted(plan.trunk)
    stripped = f"regexp_replace(d, {trunk}, '')"
    if plan.rewritten:
        begins_anew = f"regexp_extract(d, {trunk}, {plan.n_groups}) <> ''"
        # Written with extracts, as engines disagree on how a replacement names a group.
        beginning = [
            f"regexp_extract(d, {trunk}, {part[1:]})" if part.startswith("\\") else quoted(part)
            for part in re.split(r"(\\[0-9])", plan.rewritten)
            if part
        ]
        rewritten = " || ".join([*beginning, stripped])
        stripped = f"CASE WHEN {begins_anew} THEN {rewritten} ELSE {stripped} END"
    stripped = _as_now_sql(stripped, plan)
    is_whole = f"{_matches('d', plan.number)} AND NOT {_matches('s', plan.number)}"
    return _on(stripped, "s", f"CASE WHEN {is_whole} THEN d ELSE s END")


def _as_now_sql(national: str, plan: PhonePlan) -> str:
    if not plan.renumbered:
        return national
    # No number that a rule has made fits another one.
    changed = [
        f"WHEN {_matches('n', pattern)} THEN regexp_extract(n, {quoted(pattern)}, 1)"
        f" || {quoted(inserted)} || regexp_extract(n, {quoted(pattern)}, 2)"
        for pattern, inserted in plan.renumbered
    ]
    return _on(national, "n", f"CASE {' '.join(changed)} ELSE n END")
