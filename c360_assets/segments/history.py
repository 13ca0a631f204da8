"""Who entered and left since the day before, and why.

A day may be computed several times: each time it is compared with the end of the day before, which
membership and the day's own events give back. Who is in a segment now is `compute`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from c360_assets.segments.compile import condition_column
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident, quote_literal

WORD_BITS = 62  # conditions to a BIGINT of answers: one less than the bits above its sign
EVENT_COLUMNS = "segment, amperity_id, event, day, cause, detail, other_amperity_id, member_since"

# Membership at the end of the day before: what is stored, less those who came on this day, and
# those who left on it.
BASE = """
    SELECT segment, amperity_id, member_since FROM stored_membership
    ANTI JOIN (
        SELECT segment, amperity_id FROM stored_events WHERE day = {day} AND event = 'entered'
    ) AS came USING (segment, amperity_id)
    UNION ALL
    SELECT segment, amperity_id, member_since FROM stored_events
    WHERE day = {day} AND event = 'left'
"""
# Which ids gave records to which others since then: of each record that moved its id before, and
# its id now.
MOVES = """
    SELECT DISTINCT before AS earlier_id, now AS later_id
    FROM (
        SELECT
            arg_min(amperity_id_prev, "timestamp") AS before,
            arg_max(amperity_id, "timestamp") AS now
        FROM identity_changes
        WHERE "timestamp" > {since} AND change_type = 'updated'
        GROUP BY datasource, pk
    ) AS of_record
    WHERE before IS NOT NULL AND now IS NOT NULL AND before <> now
"""
REDIRECTS = """
    UNION
    SELECT amperity_id, current_amperity_id FROM redirects
    WHERE current_amperity_id IS NOT NULL AND current_amperity_id <> amperity_id
"""
# People who came: continued from an id that was in it before, else by definition, else by data.
ENTERED = """
    SELECT
        came.segment, came.amperity_id, 'entered' AS event, {day} AS day,
        CASE WHEN kin.earlier_id IS NOT NULL THEN 'identity'
            WHEN changed.segment IS NOT NULL THEN 'definition' ELSE 'data' END AS cause,
        CASE WHEN kin.earlier_id IS NULL THEN NULL
            WHEN kin.has_ended THEN 'merged from ' || kin.earlier_id
            ELSE 'split from ' || kin.earlier_id END AS detail,
        kin.earlier_id AS other_amperity_id,
        coalesce(kin.member_since, {day}) AS member_since
    FROM entered_now AS came
    LEFT JOIN (
        SELECT
            base.segment, moves.later_id AS amperity_id,
            min(moves.earlier_id) AS earlier_id,
            min(base.member_since) AS member_since,
            bool_and(people.amperity_id IS NULL) AS has_ended
        FROM base
        JOIN moves ON moves.earlier_id = base.amperity_id
        LEFT JOIN people ON people.amperity_id = base.amperity_id
        GROUP BY ALL
    ) AS kin USING (segment, amperity_id)
    LEFT JOIN changed ON changed.segment = came.segment
"""
# People who left: their id ended, or its records went to one who came; else definition, else data.
LEFT = """
    SELECT
        went.segment, went.amperity_id, 'left' AS event, {day} AS day,
        CASE WHEN ended.later_id IS NOT NULL OR kin.later_id IS NOT NULL THEN 'identity'
            WHEN changed.segment IS NOT NULL THEN 'definition' ELSE 'data' END AS cause,
        CASE WHEN ended.later_id IS NOT NULL THEN 'merged into ' || ended.later_id
            WHEN kin.later_id IS NOT NULL THEN 'split into ' || kin.later_id
            WHEN people.amperity_id IS NULL THEN 'no longer in the database' END AS detail,
        coalesce(ended.later_id, kin.later_id) AS other_amperity_id,
        went.member_since
    FROM left_now AS went
    LEFT JOIN people ON people.amperity_id = went.amperity_id
    LEFT JOIN (
        SELECT earlier_id AS amperity_id, min(later_id) AS later_id FROM moves
        ANTI JOIN people ON people.amperity_id = moves.earlier_id
        GROUP BY ALL
    ) AS ended ON ended.amperity_id = went.amperity_id
    LEFT JOIN (
        SELECT came.segment, moves.earlier_id AS amperity_id, min(moves.later_id) AS later_id
        FROM entered_now AS came JOIN moves ON moves.later_id = came.amperity_id
        GROUP BY ALL
    ) AS kin ON kin.segment = went.segment AND kin.amperity_id = went.amperity_id
    LEFT JOIN changed ON changed.segment = went.segment
"""


@dataclass(frozen=True)
class DayBefore:
    """What the day is compared with: the definitions then, and which answer was which bit.

    `definitions` are those of segments whose changes are kept, `segments` all that had members.
    """

    definitions: Mapping[str, str]
    conditions: Sequence[str]
    segments: Sequence[str]
    since: str | None  # the moment of the last identity change that was seen


def write_changes(
    session: Session,
    day: date,
    before: DayBefore,
    definitions: Mapping[str, str],
    segments: Sequence[str],
) -> None:
    """Make the temporary tables `came`, `went` and `changes` (as segment_events) of a day, and the
    view `base` of who was in a segment at the end of the day before.

    The session has `stored_membership`, `stored_events`, `answers`, `earlier_answers`, `people`,
    `identity_changes` and `redirects` under these names. `definitions`: segment -> digest, of those
    whose changes are kept; `segments` are all there are, in the order of their bits.
    """
    day_sql = f"DATE '{day.isoformat()}'"
    since = quote_literal(before.since or "1900-01-01") + "::TIMESTAMPTZ"
    session.execute(f"CREATE OR REPLACE TEMP VIEW base AS {BASE.format(day=day_sql)}")
    _table(session, "moves", MOVES.format(since=since) + REDIRECTS)
    changed = [
        name for name in before.definitions if definitions.get(name) != before.definitions[name]
    ]
    _table(session, "changed", names_sql(changed))
    _differences(session, before.segments, segments)
    kept = f"({names_sql([name for name in before.definitions if name in definitions])})"
    known = f"({names_sql(before.definitions)})"
    still_there = f"({names_sql([*segments])})"
    # Members of a segment that is no longer tracked have not left it.
    left = (
        f"SELECT went.*, base.member_since FROM went SEMI JOIN {known} USING (segment) "
        "JOIN base USING (segment, amperity_id)"
    )
    gone = (
        f"SELECT * FROM base SEMI JOIN {known} USING (segment) "
        f"ANTI JOIN {still_there} USING (segment)"
    )
    _table(session, "left_now", f"{left} UNION ALL {gone}")
    _table(session, "entered_now", f"SELECT came.* FROM came SEMI JOIN {kept} USING (segment)")
    _table(session, "changes", f"{ENTERED} UNION ALL {LEFT}".replace("{day}", day_sql))


def _differences(session: Session, before: Sequence[str], now: Sequence[str]) -> None:
    """`came` and `went`: who is in a segment of both days on one of them only, by bits of people.

    Comparing a row of bits a person costs less than joining a row a membership.
    """
    words = [f"now.s{n} AS now_s{n}" for n in range(_words(now))]
    words += [f"earlier.s{n} AS earlier_s{n}" for n in range(_words(before))]
    differ = "TRUE"
    if list(before) == list(now) and now:
        pairs = [f"now.s{n} IS DISTINCT FROM earlier.s{n}" for n in range(_words(now))]
        differ = " OR ".join(pairs)
    _table(
        session,
        "differing",
        f"SELECT {', '.join(['amperity_id', *words])} FROM answers AS now "
        f"FULL JOIN earlier_answers AS earlier USING (amperity_id) WHERE {differ}",
    )
    earlier_places = {name: place for place, name in enumerate(before)}
    came = []
    went = []
    for place, name in enumerate(now):
        if name in earlier_places:
            is_in = f"coalesce({_answer('now', place, 's')}, 0)"
            was_in = f"coalesce({_answer('earlier', earlier_places[name], 's')}, 0)"
            row = f"SELECT {quote_literal(name)} AS segment, amperity_id FROM differing AS e WHERE"
            came.append(f"{row} {is_in} > {was_in}")
            went.append(f"{row} {is_in} < {was_in}")
    nobody = "SELECT NULL::VARCHAR AS segment, NULL::VARCHAR AS amperity_id LIMIT 0"
    _table(session, "came", " UNION ALL ".join(came) or nobody)
    _table(session, "went", " UNION ALL ".join(went) or nobody)


def names_sql(names: Mapping[str, str] | Sequence[str]) -> str:
    """A SELECT of one column `segment` with the names."""
    if not names:
        return "SELECT CAST(NULL AS VARCHAR) AS segment WHERE FALSE"
    listed = ", ".join(f"({quote_literal(name)})" for name in names)
    return f"SELECT segment FROM (VALUES {listed}) AS named(segment)"


def _table(session: Session, name: str, select: str) -> None:
    session.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")


def answers_sql(conditions: int, segments: Sequence[str], source: str) -> str:
    """The answers of each person as bits: w0, w1, … of conditions, s0, s1, … of segments."""
    words = _bits([condition_column(number) for number in range(conditions)], "w")
    words += _bits([quote_ident(name) for name in segments], "s")
    return f"SELECT {', '.join(['amperity_id', *words])} FROM {source}"


def _bits(columns: Sequence[str], word: str) -> list[str]:
    words = []
    for first in range(0, len(columns), WORD_BITS):
        part = columns[first : first + WORD_BITS]
        terms = [f"({column}::BIGINT << {place})" for place, column in enumerate(part)]
        words.append(f"{' | '.join(terms)} AS {word}{first // WORD_BITS}")
    return words


def explain_data(
    session: Session,
    asked: Mapping[str, Sequence[int]],
    texts: Sequence[str],
    before: Sequence[str],
) -> None:
    """Say in `changes` of each event by data which conditions answer otherwise than before.

    `asked`: segment -> its conditions, as places in `texts`; `before` are the conditions of
    `earlier_answers`, `answers` has those of `texts`.
    """
    earlier = {text: place for place, text in enumerate(before)}
    rows = []
    for segment, places in asked.items():
        for place in places:
            if texts[place] in earlier:
                now = _answer("now", place)
                then = _answer("earlier", earlier[texts[place]])
                text = quote_literal(texts[place])
                rows.append(
                    f"SELECT e.segment, e.amperity_id, {place} AS place, {text} AS text "
                    f"FROM judged AS e WHERE e.segment = {quote_literal(segment)} "
                    f"AND {now} <> {then}"
                )
    if not rows:
        return
    earlier_words = [f"earlier.w{n} AS earlier_w{n}" for n in range(_words(before))]
    now_words = [f"now.w{n} AS now_w{n}" for n in range(_words(texts))]
    _table(
        session,
        "judged",
        f"SELECT e.segment, e.amperity_id, {', '.join([*earlier_words, *now_words])} "
        "FROM changes AS e JOIN answers AS now USING (amperity_id) "
        "JOIN earlier_answers AS earlier ON earlier.amperity_id = e.amperity_id "
        "WHERE e.cause = 'data'",
    )
    _table(session, "flipped", " UNION ALL ".join(rows))
    _table(
        session,
        "changes",
        f"SELECT {EVENT_COLUMNS.replace('detail', 'coalesce(detail, flips) AS detail')} "
        "FROM changes LEFT JOIN ("
        "SELECT segment, amperity_id, string_agg(text, '; ' ORDER BY place) AS flips "
        "FROM flipped GROUP BY ALL) AS f USING (segment, amperity_id)",
    )


def _answer(prefix: str, place: int, word: str = "w") -> str:
    return f"((e.{prefix}_{word}{place // WORD_BITS} >> {place % WORD_BITS}) & 1)"


def _words(conditions: Sequence[str]) -> int:
    return -(-len(conditions) // WORD_BITS)
