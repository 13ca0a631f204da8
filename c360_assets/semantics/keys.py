"""Foreign keys as they are compared: which letters count, and the SQL for the form of a value.

Values that are no key, such as `N/A`, belong to `blocklist`.
"""

from __future__ import annotations

from collections.abc import Collection

from c360_assets.semantics.normalize import BETWEEN_DIGITS, KEY_MARKS, LONG_NUMBER
from c360_assets.semantics.text import DIGITS, NOT_ASCII

FOREIGN_KEY = "fk-"
_DIGITS, _PLAIN_DIGITS = "".join(DIGITS), "".join(DIGITS.values())
# What most keys are, and is compared as it stands: to look at one is a tenth of changing one.
_PLAIN = "^[0-9A-Z]+$"
_MARKS_LITERAL = "'" + KEY_MARKS.replace("'", "''") + "'"


def is_case_sensitive(tag: str, case_sensitive: Collection[str]) -> bool:
    """Whether a foreign key was listed as case-sensitive, by tag, column or bare namespace."""
    names = {name.replace("_", "-").removeprefix(FOREIGN_KEY) for name in case_sensitive}
    return tag.removeprefix(FOREIGN_KEY) in names


def key_form(expression: str, is_exact: bool) -> str:
    """The form in which foreign-key values are compared, NULL for a blank one: as
    `normalize.clean_key`, or as it is."""
    trimmed = f"trim(CAST({expression} AS VARCHAR))"
    if is_exact:
        return f"nullif({trimmed}, '')"
    text = f"CAST({expression} AS VARCHAR)"
    unmarked = f"nullif(trim(regexp_replace({trimmed}, {_MARKS_LITERAL}, '', 'g')), '')"
    in_plain_digits = f"translate({unmarked}, '{_DIGITS}', '{_PLAIN_DIGITS}')"
    key = (
        f"upper(CASE WHEN regexp_matches({text}, '{NOT_ASCII}') THEN {in_plain_digits} "
        f"ELSE {unmarked} END)"
    )
    joined = f"regexp_replace({key}, '{BETWEEN_DIGITS}', '', 'g')"
    return (
        f"CASE WHEN regexp_matches({text}, '{_PLAIN}') THEN {text} "
        f"WHEN regexp_matches({key}, '{LONG_NUMBER}') THEN {joined} ELSE {key} END"
    )
