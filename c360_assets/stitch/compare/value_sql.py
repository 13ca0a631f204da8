"""SQL that comparisons of two records a and b are written with: alike values, spellings of scripts,
frequency bins.

Which fields are compared so, and what it is evidence of, belongs to the comparisons.
"""

from __future__ import annotations

from c360_assets.stitch.compare.comparison_levels import HSource, Level, USource

# Which of the two a letter of another script is, is spelt by ear (Gim and Kim, Bak and Pak).
_VOICED = "GCDB"
_UNVOICED = "KKTP"


def typing_error(one: str, other: str) -> str:
    """One edit between values of four letters or more, behind cheap guards."""
    return (
        f"least(length({one}), length({other})) >= 4 AND abs(length({one}) - length({other})) <= 1"
        f" AND jaro_winkler_similarity({one}, {other}) >= 0.7"
        f" AND damerau_levenshtein({one}, {other}) = 1"
    )


def similar(column: str) -> str:
    """Jaro-Winkler >= .92 or one edit (from four letters on), behind cheap guards."""
    a = f"a.{column}"
    b = f"b.{column}"
    return (
        f"(abs(length({a}) - length({b})) <= 3 AND jaro_winkler_similarity({a}, {b}) >= 0.92"
        f" OR {typing_error(a, b)})"
    )


def _in_latin(column: str) -> str:
    """One of the values is in another script: both as they are spelt in Latin letters."""
    return f"{_of_two_scripts(column)} AND coalesce(a.{column}_latin, a.{column})"


def equal_in_latin(column: str) -> str:
    """One spelling of two names, or one form of a Chinese name."""
    in_chinese = f"{_of_two_scripts(column)} AND a.{column}_chinese = b.{column}_chinese"
    return f"({_in_latin(column)} = coalesce(b.{column}_latin, b.{column}) OR {in_chinese})"


def similar_in_latin(column: str) -> str:
    """Each script is spelt in several ways: by sound, or its consonants alone."""
    a = f"coalesce(a.{column}_latin, a.{column})"
    b = f"coalesce(b.{column}_latin, b.{column})"
    sounds = f"a.{column}_sounds", f"b.{column}_sounds"
    first, second = (_loosely(one) for one in sounds)
    return (
        f"({_of_two_scripts(column)}"
        f" AND (jaro_winkler_similarity({a}, {b}) >= 0.88"
        f" OR length({sounds[0]}) >= 2 AND {sounds[0]} = {sounds[1]}"
        f" OR length({first}) >= 3 AND {first} = {second}))"
    )


def alike_in_latin(column: str) -> str:
    """The few consonants of two short names of two scripts are the same, however they sound."""
    first, second = (_loosely(f"{one}.{column}_sounds") for one in ("a", "b"))
    return f"({_of_two_scripts(column)} AND {first} <> '' AND {first} = {second})"


def ends_in_latin(column: str) -> str:
    """One of two names of two scripts ends as the other: a name of the father stands before it, or
    it has an article."""
    first, second = (_loosely(f"{one}.{column}_sounds") for one in ("a", "b"))
    return (
        f"({_of_two_scripts(column)} AND least(length({first}), length({second})) >= 3"
        f" AND (suffix({first}, {second}) OR suffix({second}, {first})))"
    )


def _of_two_scripts(column: str) -> str:
    return f"(a.{column}_latin IS NULL) <> (b.{column}_latin IS NULL)"


def _loosely(sounds: str) -> str:
    """Consonants without those that are vowels in some scripts, voiced and unvoiced ones as one."""
    return f"translate({sounds}, '{_VOICED}V', '{_UNVOICED}')"


def one_edit(column: str, ends: int, least: float) -> str:
    """One edit between values alike by Jaro-Winkler, which costs little where neither ends agree.

    An edit leaves the first or the last `ends` characters as they are in texts of more than twice
    that many.
    """
    a = f"a.{column}"
    b = f"b.{column}"
    return (
        f"(a.{column}_head = b.{column}_head OR a.{column}_tail = b.{column}_tail"
        f" OR greatest(length({a}), length({b})) <= {2 * ends})"
        f" AND abs(length({a}) - length({b})) <= 1"
        f" AND jaro_winkler_similarity({a}, {b}) >= {least}"
        f" AND damerau_levenshtein({a}, {b}) = 1"
    )


def bins(
    label: str,
    sql: str,
    column: str,
    m: float,
    u: tuple[float, ...],
    h_from: HSource,
    u_from: USource = "total",
) -> tuple[Level, ...]:
    """An equal value as one level per frequency bin (1 = the most common); data share out `m`.

    Of one name in two scripts the more common spelling counts.
    """
    m_of_bin = m / len(u)
    levels = []
    for bin_number, u_of_bin in enumerate(u, 1):
        condition = f"least(a.{column}, b.{column}) = {bin_number} AND ({sql})"
        label_of_bin = f"{label} {bin_number}"
        levels.append(Level(label_of_bin, condition, m_of_bin, u_of_bin, u_from, h_from))
    return tuple(levels)
