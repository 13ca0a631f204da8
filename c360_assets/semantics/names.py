"""Names of people and companies, generational suffixes, titles and gender, as Polars expressions.

All functions take a String expression and give a String expression with NULL for "nothing usable".
Nicknames are in `nicknames`; values that must be ignored are in `blocklist`.
"""

from collections.abc import Callable
from unicodedata import normalize

import polars as pl

from c360_assets.semantics.contact_marks import quoted
from c360_assets.semantics.countries import Home
from c360_assets.semantics.lookups import (
    genders,
    generational_suffixes,
    han_surnames,
    titles,
)
from c360_assets.semantics.name_particles import (
    CUT_PARTICLES,
    DOTTED_PARTICLES,
    JOINED_BY_AND,
    JOINED_IN_CAPITALS,
    LAST_PARTICLES,
    PARTICLES,
)
from c360_assets.semantics.text import (
    WHITE_SPACE,
    fold_upper,
    in_steps,
    missing_to_null,
    on_distinct,
    squeeze,
)

_SUFFIX_TOKENS = "|".join(sorted(generational_suffixes()))
_TITLES = "|".join(sorted(titles()))
# Both need a neighbouring word, so that a name that consists of such a token alone stays (Junior is
# a given name). A couple has two titles: "Mr & Mrs Hale".
_LEADING_TITLES = rf"^(?:(?:{_TITLES}) (?:(?:&|AND|UND|ET|Y|E|EN) (?:{_TITLES}) )*)+"
_TRAILING_SUFFIXES = rf"(?: (?:{_SUFFIX_TOKENS}))+$"
_PARTICLES_LAST = (
    rf"(?i)^([^,]*[^, ]) *, *([^, ][^,]*?) ((?:(?:{LAST_PARTICLES}) )*(?:{LAST_PARTICLES}))$"
)
_PARTICLES_BEHIND = rf"^([^,]*[^, ]) *, *((?:(?:{LAST_PARTICLES}) )*(?:{LAST_PARTICLES}))$"
# Registers of Russia, Ukraine and Central Asia write surname, given name, patronymic.
_PATRONYMIC = (
    "[^ ,]+(?:ИЧ|ич|ВНА|вна|ЧНА|чна|ҰЛЫ|ұлы|ҚЫЗЫ|қызы|[ -]?(?:ОГЛЫ|оглы|Оглы|КЫЗЫ|кызы|Кызы)"
    "|[ -]?(?:OĞLU|oğlu|OGLU|oglu|QIZI|qızı|qizi)|[ -](?:O.?G.?LI|o.?g.?li))"
)
_PATRONYMIC_LAST = rf"^([^ ,]+) ([^ ,]+ {_PATRONYMIC})$"
_PATRONYMIC_BETWEEN = rf"^[^ ,]+ {_PATRONYMIC} [^ ,]+$"
# And the surname with initials behind it: Кузнецова Д. И.
_INITIALS_LAST = "^([Ѐ-ӿ]{2,}(?:-[Ѐ-ӿ]+)?) ([Ѐ-ӿ][.]?(?: ?[Ѐ-ӿ][.]?)?)$"
# Where the surname stands first: in all names of a country (Kovács János), or in those that begin
# with one of few surnames and have two given names behind (Tan Wei Ming).
_FIRST_WORD = r"^([^ ,]+) ([^,]+)$"
_CHINESE_FIRST = (
    "(?i)^(TAN|LIM|LEE|NG|WONG|CHAN|ONG|GOH|TEOH|CHEAH|CHONG|CHIN|LOW|YAP|KOH|CHUA|TEO|SIM|HO|LAU"
    "|CHEUNG|LEUNG|KWOK|YEUNG|LAM|CHENG|CHEN|LIN|HUANG|CHANG|WANG|WU|LIU|TSAI|HSU|LAI|LEONG|YEO|ANG"
    "|TOH|SEAH|QUEK|GAN|KHOO|LOH|FONG|FUNG|TANG|CHOW|CHEW|YONG|LIEW|HENG|TAY|CHIA|NEO|SOH|WEE|PHUA)"
    " ([^ ,]+ [^ ,]+|[^ ,]+-[^ ,]+)$"
)
_SURNAME_FIRST = {"HU": _FIRST_WORD} | dict.fromkeys(
    ("MY", "SG", "BN", "HK", "MO", "TW"), _CHINESE_FIRST
)
# Korean names are written in one word: a surname of one syllable, or one of these, and two more.
_IN_ONE_WORD = "^(남궁|황보|제갈|사공|선우|서문|독고|[가-힣]) ?([가-힣]{2})$"
# In Chinese and Japanese the surname stands first, apart or not.
# By ranges, as Spark calls the scripts otherwise: kana, ideographs, compatible ones, 々.
_HAN = "[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u3005]"
_APART_HAN = f"^({_HAN}+) ({_HAN}+)$"
# In one word only a surname that is known tells where the given name begins.
_LONG_HAN_SURNAMES = [surname for surname in han_surnames() if len(surname) > 1]
_SHORT_HAN_SURNAMES = [surname for surname in han_surnames() if len(surname) == 1]
_LONG_HAN = f"^({'|'.join(_LONG_HAN_SURNAMES)})({_HAN}{{1,3}})$"
_SHORT_HAN = f"^([{''.join(_SHORT_HAN_SURNAMES)}])({_HAN}{{1,2}})$"
# In Vietnam the surname stands first, one or more middle names follow, and the given name is last.
# Few surnames are those of nearly all, and what stands second tells them from names elsewhere.
_VIETNAMESE_SURNAMES = (
    "NGUYEN|TRAN|LE|PHAM|HOANG|HUYNH|PHAN|VU|VO|[DĐ]ANG|BUI|[DĐ]O|HO|NGO|DUONG|LY|[DĐ]INH|TRINH"
    "|TRUONG|LUONG|[DĐ]OAN|[DĐ]AO|MAI|CAO|HA|LAM|TO|CHAU|TA|QUACH|THAI|TANG|KIEU|PHUNG"
)
_VIETNAMESE_SECOND = (
    "VAN|THI|[DĐ]UC|MINH|QUOC|HUU|CONG|XUAN|[DĐ]INH|THANH|NGOC|THU|THUY|HONG|KIM|BICH|PHUONG|HOAI"
    "|BAO|GIA|TUAN|ANH|TRONG|VIET|MANH|[DĐ]ANG|DUY|TIEN|NHAT|HAI|NHU|TUYET|QUYNH|HUYEN|DIEU|CAM"
    "|KHANH|PHUC|THIEN|TRUNG|VINH|THE|KHAC|HOANG|NGUYEN|TRAN|LE"
)
_VIETNAMESE = rf"(?i)^({_VIETNAMESE_SURNAMES}) ((?:{_VIETNAMESE_SECOND})(?: [^ ,]+)*) ([^ ,]+)$"
_FIRST_AND_LAST_WORD = r"^([^ ]+) (.+) ([^ ]+)$"
_BY_COMMA = r"^([^\t]+)\t(.+)$"
_BY_PARTICLES = rf"^(\S+(?: \S+)*?) ((?:(?:{PARTICLES}) )+\S+|{CUT_PARTICLES})$"
_LAST_WORD = r"^(?:(.+) )?(\S+)$"
_COMMA_NAME = r"^([^,]*[^, ]) *, *([^, ][^,]*)$"
# What stands behind a comma and is no given name: degrees, and legal forms of organisations.
_DEGREES = "PHD|MD|ESQ|DDS|DVM|CPA|RN|MBA|MA|BA|BSC|MSC|INC|LLC|LTD|GMBH|CORP|CO|AG|BV|SA|SRL"
_COMMA_DEGREES = rf"(?: *,+ *(?:{_DEGREES}))+ *$"
_COMMA_SUFFIX = rf" *,+ *({_SUFFIX_TOKENS}) *$"
_SUFFIX_BEFORE_COMMA = rf" ({_SUFFIX_TOKENS}) *,"
# With a dot they are suffixes; without one, names (Amartya Sen, Li Jun).
_DOTTED_SUFFIX = r"([ ,](?:JUN|SEN))\. *(,|$)"
_DOTTED_TOKENS = {"JUN": "JR", "SEN": "SR"}
# An apostrophe keeps it from being taken for a particle, and is no letter of a name.
_DOTTED_INITIAL = r"( O)\.( )"
_COUNTED = r"^\D*?0*(\d{1,6})$"  # longer ones are keys of something else
# Half a name, written apart or not: Abd al-Rahman, Abdul Rahman, Abdulrahman.
_APART_ABD = r"(^| )(?:(ABD)(?: (?:(AL|EL|UL) )?|(AL|EL|UL) )|(عبد) )(\p{L}{3,})"
_APART_PREFIX = r"^(O|D|L|MC|AL|EL) (\p{L}{3,})$"
# How people are addressed behind their names: Yamada-sama, Kim-nim, Hanım.
_HAN_TITLE = "(.+[^ ]) ?(?:様|さま|さん|殿|先生|女士|小姐)"
_TITLE_BEHIND = f"(?i)^(?:{_HAN_TITLE}|(.{{3,}}?) ?[님씨]|(.+ .+) (?:HAN[Iİı]M{{bey}}))$"
_WITHOUT_TITLE_BEHIND = "${1}${2}${3}"
_BEY = frozenset({"TR", "AZ", "CY"})  # a surname elsewhere


def _folded(expr: pl.Expr) -> pl.Expr:
    """Upper case without accents, `JUN.` and `SEN.` written out."""
    return fold_upper(expr).str.replace_all(_DOTTED_SUFFIX, "${1}IOR${2}")


def _words(expr: pl.Expr) -> pl.Expr:
    """Folded words without dots, commas and title; hyphens and generational suffix still there."""
    without_dots = _folded(expr).str.replace_all(r"[.\"]", "")
    words = squeeze(without_dots.str.replace_all(",", " ", literal=True))
    return words.str.replace(_LEADING_TITLES, "")


def clean_name(expr: pl.Expr) -> pl.Expr:
    """A name part as it is compared: folded letters and spaces, without title and suffix."""
    return on_distinct(expr, lambda value: _letters(_words(value)))


def _letters(words: pl.Expr) -> pl.Expr:
    bare = words.str.replace(_TRAILING_SUFFIXES, "").str.replace_all(r"['\p{Nd}]", "")
    apart = squeeze(bare.str.replace_all("-", " ", literal=True))
    return apart.str.replace_all(_APART_ABD, "${1}${2}${3}${4}${5}${6}")


def clean_surname(expr: pl.Expr) -> pl.Expr:
    """A surname as it is compared: as `clean_name`, a prefix of one or two letters not apart.

    `O Brien`, `O'Brien` and `OBrien` are one, as are `Mc Donald` and `McDonald`, and `Berg, van
    der` is `van der Berg`.
    """

    def clean(value: pl.Expr) -> pl.Expr:
        in_order = squeeze(fold_upper(value)).str.replace(_PARTICLES_BEHIND, "${2} ${1}")
        return _joined_prefix(_letters(_words(in_order)))

    return on_distinct(expr, clean)


def _joined_prefix(name: pl.Expr) -> pl.Expr:
    return name.str.replace(_APART_PREFIX, "${1}${2}")


def split_full_name(expr: pl.Expr, home: Home | None = None) -> tuple[pl.Expr, pl.Expr]:
    """(given part, surname part) of a full name, each cleaned; a single word is a surname.

    The surname is the last word with the particles before it (`de la Cruz`), or what stands before
    a comma (`Cruz, Maria`), so middle names and initials belong to the given part. Where the form
    of a name tells that the surname stands first (`Nguyễn Văn An`, `山田太郎`), or all names are
    written so at `home` (`Kovács János`), it is that, and the given name stands before the middle
    ones.
    """

    def part(group: int) -> Callable[[pl.Expr], pl.Expr]:
        def clean(ordered: pl.Expr) -> pl.Expr:
            patterns = (_BY_COMMA, _BY_PARTICLES, _LAST_WORD)
            # The first pattern that fits says both parts: it always has a surname.
            fits = [ordered.str.contains(pattern) for pattern in patterns]
            text = pl.coalesce(
                pl.when(fit).then(ordered.str.extract(pattern, group).fill_null(""))
                for fit, pattern in zip(fits, patterns, strict=True)
            )
            return _letters(_words(text))

        return clean

    # Patterns look at the ordered words several times, so these are a column of their own.
    ordered = on_distinct(expr, lambda value: _ordered(value, home))
    surname = on_distinct(ordered, part(2))
    return on_distinct(ordered, part(1)), on_distinct(surname, _joined_prefix)


def _surname_first(home: Home | None) -> str | None:
    """The pattern of full names that have the surname first at home, its two groups the parts."""
    return _SURNAME_FIRST.get(home.country) if home else None


def _titles_behind(home: Home | None) -> str:
    """The pattern of names with a title behind them, as they are called at home."""
    return _TITLE_BEHIND.replace("{bey}", "|BEY" if home and home.country in _BEY else "")


def _joined_by_and(home: Home | None) -> str:
    is_no_initial = home is not None and home.country in JOINED_IN_CAPITALS
    return JOINED_BY_AND.replace("[ey]", "[eyE]") if is_no_initial else JOINED_BY_AND


def puts_surname_first(country: str) -> bool:
    """Whether all full names of a country (its ISO code) are read with the surname first."""
    return _SURNAME_FIRST.get(country) == _FIRST_WORD


def form_tells_order(expr: pl.Expr) -> pl.Expr:
    """Whether the form of a full name tells which of its words are the surname, wherever it is
    from; Boolean."""
    text = fold_upper(squeeze(expr))
    forms = (_PATRONYMIC_LAST, _INITIALS_LAST, _VIETNAMESE, f"{_HAN}|[가-힣]")
    return pl.any_horizontal([text.str.contains(form) for form in forms])


def _ordered(value: pl.Expr, home: Home | None) -> pl.Expr:
    """Folded words without title and suffix, the given part first; a tab before a surname that a
    comma told, or the order in which names are written at home."""
    surname_first = _surname_first(home)

    def plain(value: pl.Expr) -> pl.Expr:
        value = squeeze(value).str.replace(_titles_behind(home), _WITHOUT_TITLE_BEHIND)
        value = value.str.replace(_joined_by_and(home), "${2}, ${1}")
        # A comma before a suffix or a degree is no order of names: "Hale, Jr.", "Ode, PhD".
        initials = _folded(value).str.replace_all(_DOTTED_INITIAL, "${1}'${2}")
        text = initials.str.replace_all(r"[.\"]", "")
        text = text.str.replace(_COMMA_DEGREES, "").str.replace(_COMMA_SUFFIX, " ${1}")
        return _without_suffix(squeeze(text))

    def as_at_home(text: pl.Expr) -> pl.Expr:
        if surname_first is None:
            return text
        return text.str.replace(_LEADING_TITLES, "").str.replace(surname_first, "${1}, ${2}")

    def in_order(text: pl.Expr) -> pl.Expr:
        before = _without_suffix(_words(text.str.extract(_COMMA_NAME, 1)))
        after = _without_suffix(_words(text.str.extract(_COMMA_NAME, 2)))
        by_comma = pl.concat_str([after, before], separator="\t")
        return pl.coalesce(by_comma, _without_suffix(_words(text)))

    return in_steps(value, plain, _with_comma, as_at_home, in_order)


def _with_comma(text: pl.Expr) -> pl.Expr:
    """A comma behind the surname where the form of the name tells that it stands first, and its
    particles before it."""
    short_han = text.str.contains(_SHORT_HAN) & ~text.is_in(_LONG_HAN_SURNAMES)
    patronymic_last = text.str.contains(_PATRONYMIC_LAST) & ~text.str.contains(_PATRONYMIC_BETWEEN)
    return (
        pl.when(patronymic_last)
        .then(text.str.replace(_PATRONYMIC_LAST, "${1}, ${2}"))
        .when(text.str.contains(_INITIALS_LAST))
        .then(text.str.replace(_INITIALS_LAST, "${1}, ${2}"))
        .when(short_han & ~text.str.contains(_LONG_HAN))
        .then(text.str.replace(_SHORT_HAN, "${1}, ${2}"))
        .otherwise(
            text.str.replace(_PARTICLES_LAST, "${3} ${1}, ${2}")
            .str.replace(_IN_ONE_WORD, "${1}, ${2}")
            .str.replace(_APART_HAN, "${1}, ${2}")
            .str.replace(_LONG_HAN, "${1}, ${2}")
            .str.replace(_VIETNAMESE, "${1}, ${3} ${2}")
        )
    )


def _without_suffix(words: pl.Expr) -> pl.Expr:
    return words.str.replace(_TRAILING_SUFFIXES, "")


def generational_suffix(expr: pl.Expr) -> pl.Expr:
    """JR, SR, I, II, III or IV standing last in a name or before its comma.

    NULL where there is none.
    """
    pattern = rf" ({_SUFFIX_TOKENS})$"
    canonical = generational_suffixes()

    def last_token(value: pl.Expr) -> pl.Expr:
        # "Hale Jr, Robert": the suffix belongs to the surname that stands first.
        without_dots = squeeze(_folded(value).str.replace_all(".", "", literal=True))
        before_comma = without_dots.str.extract(_SUFFIX_BEFORE_COMMA)
        token = pl.coalesce(_words(value).str.extract(pattern), before_comma)
        return token.replace_strict(canonical, default=None, return_dtype=pl.String)

    return on_distinct(expr, last_token)


def name_number(expr: pl.Expr) -> pl.Expr:
    """The number that a name ends in (`Guest 12`), without leading zeros; NULL where it ends in
    none.

    Who numbers people means different ones, and so it is a suffix: letters alone make them equal.
    """
    return on_distinct(expr, lambda value: value.str.strip_chars().str.extract(_COUNTED))


def clean_suffix(expr: pl.Expr) -> pl.Expr:
    """A generational suffix held in a field of its own; anything else (`PhD`) is NULL."""
    token = squeeze(expr.str.to_uppercase().str.replace_all(r"[.,]", ""))
    known = generational_suffixes() | _DOTTED_TOKENS
    return token.replace_strict(known, default=None, return_dtype=pl.String)


def clean_gender(expr: pl.Expr) -> pl.Expr:
    """F, M or X; NULL for values outside the accepted ones."""
    value = missing_to_null(expr.str.to_uppercase().str.strip_chars(" ."))
    return value.replace_strict(genders(), default=None, return_dtype=pl.String)


def gender_from_title(expr: pl.Expr) -> pl.Expr:
    """The gender a form of address implies (`Mr. -> M`), NULL where it implies none."""
    value = missing_to_null(fold_upper(expr).str.replace_all(".", "", literal=True))
    return value.replace_strict(titles(), default=None, return_dtype=pl.String)


def clean_company(expr: pl.Expr) -> pl.Expr:
    """A company name: folded, without dots and commas."""

    def clean(value: pl.Expr) -> pl.Expr:
        without_dots = fold_upper(value).str.replace_all(".", "", literal=True)
        return squeeze(without_dots.str.replace_all(",", " ", literal=True))

    return on_distinct(expr, clean)


_WRITTEN_TITLE = f"(?:{_TITLES.replace('N', '[NÑñ]')})[.]? "
_WRITTEN_TITLES = rf"(?i)^(?:{_WRITTEN_TITLE}(?:(?:&|AND|UND|ET|Y|E|EN) {_WRITTEN_TITLE})*)+"
_WRITTEN_SUFFIXES = (
    rf"(?i)(?: *,+ *(?:{_SUFFIX_TOKENS}|{_DEGREES})[.]?| (?:{_SUFFIX_TOKENS})[.]?"
    r"|(?: *,+ *| )(?:JUN|SEN)[.])+ *$"
)
_WRITTEN_PARTICLES = (
    rf"(?i)^([^ ,]+(?: [^ ,]+)*?) ((?:{DOTTED_PARTICLES} )+[^ ,]+|{CUT_PARTICLES})$"
)
_TWO_WORDS = r"^(.+) ([^ ]+)$"


def _plain_vowels() -> dict[str, str]:
    """Vowels with marks -> without. Spark has no function for it."""
    plain = {letter: normalize("NFD", letter)[0] for letter in map(chr, range(0xC0, 0x1F00))}
    return {letter: plain[letter] for letter in plain if plain[letter] in "AEIOUYaeiouy"}


_VOWELS = _plain_vowels()


def _is_vietnamese(text: str) -> str:
    """SQL for whether the form of the full name `text` is that of Vietnam."""
    vowels, plain_vowels = quoted("".join(_VOWELS)), quoted("".join(_VOWELS.values()))
    return f"regexp_matches(translate({text}, {vowels}, {plain_vowels}), {quoted(_VIETNAMESE)})"


_GAP = f"[{WHITE_SPACE}]+"
_WORD = f"[^,{WHITE_SPACE}]+"
_JOINED = f"{_WORD}{_GAP}(?-i:[ey]){_GAP}{_WORD}"
_SURNAME = rf"(?:{CUT_PARTICLES}|{_JOINED}|(?:{DOTTED_PARTICLES}{_GAP})*{_WORD})"
_TWO_SURNAMES = f"{_SURNAME}(?:{_GAP}{_SURNAME})?"
_TITLE = f"(?:{_TITLES.replace('N', '[NÑñ]')})[.]?{_GAP}"
_BEFORE_NAMES = rf"(?i)^[{WHITE_SPACE}]*((?:{_TITLE}(?:(?:&|AND|UND|ET|Y|E|EN){_GAP}{_TITLE})*)*)"
_BEHIND_NAMES = rf"((?:{_GAP}(?:{_SUFFIX_TOKENS})[.]?)?)[{WHITE_SPACE}]*$"
_GIVEN_LAST = rf"{_GAP}([^, ][^,]*?){_BEHIND_NAMES}"
# How the words of whole names may stand: the pattern, and what it becomes.
_BEHIND_TITLE, _SURNAME_BEHIND = r"\1\2, \3\4", r"\1\3\4, \2"
_NAME_ORDERS = {
    "surname_first": (f"{_BEFORE_NAMES}({_SURNAME}){_GIVEN_LAST}", _BEHIND_TITLE),
    "two_surnames_first": (f"{_BEFORE_NAMES}({_TWO_SURNAMES}){_GIVEN_LAST}", _BEHIND_TITLE),
    "surname_last": (
        f"{_BEFORE_NAMES}([^, ][^,]*?){_GAP}({_SURNAME}){_BEHIND_NAMES}",
        _SURNAME_BEHIND,
    ),
    "two_surnames_last": (
        f"{_BEFORE_NAMES}([^, ][^,]*?){_GAP}({_TWO_SURNAMES}){_BEHIND_NAMES}",
        _SURNAME_BEHIND,
    ),
}
# Where only the surname is in capitals these tell where it ends: `BEN JELLOUN Fatima`.
_IN_CAPITALS = rf"(?-i:[\p{{Lu}}'’-]{{2,}}(?:{_GAP}[\p{{Lu}}'’-]{{2,}})*)"
_NOT_IN_CAPITALS = r"(?-i:\p{Lu}\p{Ll}[^,]*?)"
_CAPITALS_FIRST = f"{_BEFORE_NAMES}({_IN_CAPITALS}){_GAP}({_NOT_IN_CAPITALS}){_BEHIND_NAMES}"
_CAPITALS_LAST = f"{_BEFORE_NAMES}({_NOT_IN_CAPITALS}){_GAP}({_IN_CAPITALS}){_BEHIND_NAMES}"
_LONE_NAME = f"{_BEFORE_NAMES}{_SURNAME}{_BEHIND_NAMES}"


def comma_behind_surname(text: str, order: str) -> str:
    """SQL for the full names `text` in which the words stand in `order`, as `Surname, Given`.

    That form says in every later place which word is which. `order` is a field's `name_order`. A
    name of one word, one that has a comma, and a Vietnamese one, whose given name is last although
    the surname stands first, stay as they are.
    """
    pattern, replaced = _NAME_ORDERS[order]
    capitals = _CAPITALS_FIRST if order.endswith("first") else _CAPITALS_LAST
    return (
        f"CASE WHEN regexp_matches({text}, {quoted(_LONE_NAME)}) OR {_is_vietnamese(text)}"
        f" THEN {text}"
        f" WHEN regexp_matches({text}, {quoted(capitals)})"
        f" THEN regexp_replace({text}, {quoted(capitals)}, {quoted(replaced)})"
        f" ELSE regexp_replace({text}, {quoted(pattern)}, {quoted(replaced)}) END"
    )


def _part_macro(name: str, group: int, home: Home | None) -> str:
    """A macro that takes one part out of a full name as it is written, by the rules of
    `split_full_name`; NULL for a name of one word, of which nobody knows what it is."""
    of_comma = 2 if group == 1 else 1
    spaced = "trim(regexp_replace(v, '[ \t\r\n\u3000]+', ' ', 'g'))"
    behind = quoted(_titles_behind(home))
    name_before = " || ".join(f"regexp_extract(t, {behind}, {place})" for place in (1, 2, 3))
    bare = f"CASE WHEN regexp_matches(t, {behind}) THEN {name_before} ELSE t END"
    bare = f"list_transform([{spaced}], lambda t: {bare})[1]"
    untitled = f"regexp_replace({bare}, {quoted(_WRITTEN_TITLES)}, '')"
    text = f"regexp_replace({untitled}, {quoted(_WRITTEN_SUFFIXES)}, '')"
    particles = f"regexp_extract(p, {quoted(_PARTICLES_LAST)}, 3) || ' ' || " if group == 2 else ""
    words = [f"regexp_extract(p, {quoted(_FIRST_AND_LAST_WORD)}, {place})" for place in (1, 2, 3)]
    long_han = ", ".join(map(quoted, _LONG_HAN_SURNAMES))
    vietnamese = words[0] if group == 2 else f"{words[2]} || ' ' || {words[1]}"
    by_first_word = ""
    surname_first = _surname_first(home)
    if surname_first is not None:
        by_first_word = (
            f" WHEN regexp_matches(p, {quoted(surname_first)})"
            f" THEN regexp_extract(p, {quoted(surname_first)}, {of_comma})"
        )
    part = (
        f"CASE WHEN regexp_matches(p, {quoted(_PARTICLES_LAST)})"
        f" THEN {particles}regexp_extract(p, {quoted(_PARTICLES_LAST)}, {of_comma})"
        f" WHEN regexp_matches(p, {quoted(_IN_ONE_WORD)})"
        f" THEN regexp_extract(p, {quoted(_IN_ONE_WORD)}, {of_comma})"
        f" WHEN regexp_matches(p, {quoted(_APART_HAN)})"
        f" THEN regexp_extract(p, {quoted(_APART_HAN)}, {of_comma})"
        f" WHEN regexp_matches(p, {quoted(_LONG_HAN)})"
        f" THEN regexp_extract(p, {quoted(_LONG_HAN)}, {of_comma})"
        f" WHEN regexp_matches(p, {quoted(_SHORT_HAN)}) AND p NOT IN ({long_han})"
        f" THEN regexp_extract(p, {quoted(_SHORT_HAN)}, {of_comma})"
        f" WHEN {_is_vietnamese('p')} THEN {vietnamese}"
        f" WHEN regexp_matches(p, {quoted(_PATRONYMIC_LAST)})"
        f" AND NOT regexp_matches(p, {quoted(_PATRONYMIC_BETWEEN)})"
        f" THEN regexp_extract(p, {quoted(_PATRONYMIC_LAST)}, {of_comma})"
        f" WHEN regexp_matches(p, {quoted(_INITIALS_LAST)})"
        f" THEN regexp_extract(p, {quoted(_INITIALS_LAST)}, {of_comma})"
        f"{by_first_word}"
        f" WHEN regexp_matches(p, {quoted(_COMMA_NAME)})"
        f" THEN regexp_extract(p, {quoted(_COMMA_NAME)}, {of_comma})"
        f" WHEN regexp_matches(p, {quoted(_joined_by_and(home))})"
        f" THEN regexp_extract(p, {quoted(_joined_by_and(home))}, {group})"
        f" WHEN regexp_matches(p, {quoted(_WRITTEN_PARTICLES)})"
        f" THEN regexp_extract(p, {quoted(_WRITTEN_PARTICLES)}, {group})"
        f" ELSE nullif(regexp_extract(p, {quoted(_TWO_WORDS)}, {group}), '') END"
    )
    return (
        f"CREATE OR REPLACE TEMP MACRO {name}(v) AS"
        f" CASE WHEN v IS NULL THEN NULL ELSE list_transform([{text}], lambda p: {part})[1] END"
    )


def name_macros(home: Home | None) -> list[str]:
    """Macros that take full names apart, as they are written at `home`."""
    parts = ("full_name_given", "full_name_surname")
    return [_part_macro(name, group, home) for group, name in enumerate(parts, start=1)]
