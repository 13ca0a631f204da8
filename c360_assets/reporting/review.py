"""What `c360 review` writes: the questions as a CSV and as a page, with the fields of both records
side by side; and the label file that the answers become.

Values are masked unless they are asked for; which fields agree is shown either way. Which pairs are
asked about is `stitch.review.questions`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from c360_assets.errors import C360Error
from c360_assets.privacy.label_rows import forgotten_labels
from c360_assets.reporting.pages import replace_page
from c360_assets.reporting.paths import short_path
from c360_assets.reporting.stitch_report import masked
from c360_assets.reporting.validation_page import environment
from c360_assets.stitch.review.answers import (
    ANSWER_COLUMNS,
    ANSWERS_FILE,
    Answers,
    answers_csv,
    answers_held,
    kept_answers,
    label_id,
    labels_of,
    read_answers,
    without_labels,
)
from c360_assets.stitch.review.questions import NEEDED, questions
from c360_assets.tenant.new_files import write_new_files
from c360_assets.warehouse.suppression import Suppression
from c360_assets.wording import counted

PAGE = "review.html"
CSV = "review.csv"
FIELDS = (
    *("given_name", "surname", "generational_suffix", "email", "phone"),
    *("address", "city", "state", "postal", "birthdate", "gender", "company"),
)
# Of these the file of representatives holds the compared form under another name.
COMPARED = {"generational_suffix": "sk_generational_suffix"}
KEYS = ("source1", "pk1", "source2", "pk2")
FEED_FILE = Path("feeds", "review", "answers.yaml")
FEED = """\
# Written by `c360 review --answers`: what people said of pairs of records. Stitch obeys these
# labels whatever else it finds; later answers are added to the file, and the next `c360 run` reads
# it again. To withdraw an answer: `c360 review --withdraw LABEL_ID`.
source: Review
feed: Answers
files: {pattern: "'review/answers.csv'", format: csv}
load: truncate_and_upsert
primary_key: [row_id]
stitch: false
fields:
  row_id:       {type: string, required: true}
  label_id:     {type: string, tags: [sl/label-id]}
  partition_id: {type: string, tags: [sl/partition-id]}
  datasource:   {type: string, tags: [sl/datasource]}
  semantic:     {type: string, tags: [sl/semantic]}
  value:        {type: string, tags: [sl/value]}
"""


@dataclass(frozen=True)
class Compared:
    """One field of both records: the values as shown, and whether they are equal, differ, or are
    missing on a side."""

    field: str
    one: str
    other: str
    verdict: str


@dataclass(frozen=True)
class Question:
    """A pair to look at. `probability`: in percent, that it is one person."""

    label_id: str
    kind: str
    source1: str
    key1: str
    source2: str
    key2: str
    probability: float
    n_records1: int
    n_records2: int
    field: str
    fields: list[Compared]

    @property
    def sizes(self) -> str:
        """How many records hang on the answer."""
        return f"{self.n_records1} + {counted(self.n_records2, 'record')} hang on it"


@dataclass(frozen=True)
class Review:
    """The questions, and where they were written. `answered`: how many were left out, as the next
    run is to obey an answer to them."""

    questions: list[Question]
    answered: int
    csv: Path
    page: Path

    def by_kind(self) -> dict[str, int]:
        kinds: dict[str, int] = {}
        for question in self.questions:
            kinds[question.kind] = kinds.get(question.kind, 0) + 1
        return kinds


def write_review(con: Any, root: Path, limit: int, *, show_pii: bool) -> Review:
    """Ask at most so many questions about the published database open in `con`.

    Raises C360Error for a database without Stitch's tables.
    """
    columns = con.execute("SELECT table_name, column_name FROM duckdb_columns()").fetchall()
    missing = {*NEEDED, "unified_preprocessed_raw"} - {table for table, _ in columns}
    if missing or ("stitch_scores", "model_score") not in columns:
        raise C360Error(
            "the database does not show all that the review reads; ask the primary database, "
            "published by this version (`c360 run` publishes it)"
        )
    answered = _answered(root)
    open_ones = questions(con, limit + len(answered))
    of_question = [label_id(*keys) for keys in open_ones.select(KEYS).rows()]
    is_answered = pl.Series(of_question, dtype=pl.String).is_in(list(answered))
    chosen = open_ones.filter(~is_answered).head(limit)
    asked = [_shown(question, show_pii) for question in _with_fields(con, chosen)]
    reports = root / "reports"
    path = replace_page(reports / CSV, _csv(asked))
    template = environment().get_template(f"{PAGE}.jinja")
    html = template.render(
        title="Are these the same person?",
        questions=asked,
        columns=ANSWER_COLUMNS,
        show_pii=show_pii,
        figures={},
        script="",
    )
    return Review(asked, int(is_answered.sum()), path, replace_page(reports / PAGE, html))


def _answered(root: Path) -> set[str]:
    """The names of the questions that are answered, also of answers that no run has obeyed yet."""
    return labels_of(kept_answers(root / ANSWERS_FILE))


def _with_fields(con: Any, asked: pl.DataFrame) -> list[dict[str, Any]]:
    """The questions as rows with `a`, `b`: the values as received and as compared of both ends."""
    con.register("_review_questions", asked.with_row_index("number").to_arrow())
    columns = {row[0] for row in con.execute("DESCRIBE unified_preprocessed_raw").fetchall()}
    own = ", ".join(f"'{name}': CAST(u.{name} AS VARCHAR)" for name in FIELDS)
    compared = ", ".join(
        f"'{name}': CAST(p.{COMPARED.get(name, name)} AS VARCHAR)"
        for name in FIELDS
        if COMPARED.get(name, name) in columns
    )
    ends = " ".join(
        f"""JOIN ends AS {end} ON {end}.datasource = source{side} AND {end}.pk = pk{side}"""
        for end, side in (("a", "1"), ("b", "2"))
    )
    rows = con.sql(
        f"""
        WITH keys AS (
            SELECT source1 AS datasource, pk1 AS pk FROM _review_questions
            UNION SELECT source2, pk2 FROM _review_questions),
        ends AS (
            SELECT datasource, pk, {{{own}}} AS own, {{{compared}}} AS compared
            FROM unified_coalesced AS u SEMI JOIN keys USING (datasource, pk)
            LEFT JOIN unified_preprocessed_raw AS p
                ON p.datasource = u.rep_ds AND p.pk = u.rep_pk)
        SELECT q.*, a.own AS own1, a.compared AS compared1, b.own AS own2, b.compared AS compared2
        FROM _review_questions AS q {ends} ORDER BY number"""
    ).pl()
    con.unregister("_review_questions")
    return rows.to_dicts()


def _shown(row: dict[str, Any], show_pii: bool) -> Question:
    compared = [_compared(row, name, show_pii) for name in FIELDS]
    keys = (row["source1"], row["pk1"], row["source2"], row["pk2"])
    return Question(
        label_id(*keys),
        row["kind"],
        *keys,
        round(100 * row["probability"], 1),
        row["n_records1"],
        row["n_records2"],
        (row["field"] or "").replace("mean log-odds", ""),
        [field for field in compared if field.one or field.other],
    )


def _compared(row: dict[str, Any], name: str, show_pii: bool) -> Compared:
    """A field of both ends; whether it is equal is said of the values as Stitch compared them."""
    left = row["compared1"].get(name)
    right = row["compared2"].get(name)
    # A part of a whole name has a value only as compared.
    one = row["own1"][name] or left or ""
    other = row["own2"][name] or right or ""
    verdict = "missing"
    if left and right:
        verdict = "equal" if left == right else "differs"
    if not show_pii:
        one, other = masked(one), masked(other)
    return Compared(name.replace("_", " "), one, other, verdict)


def _csv(asked: list[Question]) -> str:
    """The questions for a spreadsheet; `answer` is to be filled in."""
    names = [name.replace("_", " ") for name in FIELDS]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    sides = [f"{name} {side}" for name in names for side in ("1", "2")]
    about = ("kind", "probability", "records1", "records2", "vetoed by")
    writer.writerow((*ANSWER_COLUMNS, *about, *sides))
    for question in asked:
        keys = (question.source1, question.key1, question.source2, question.key2)
        values = {item.field: (item.one, item.other) for item in question.fields}
        told = (
            question.kind,
            question.probability,
            question.n_records1,
            question.n_records2,
            question.field,
        )
        fields = [_harmless(value) for name in names for value in values.get(name, ("", ""))]
        writer.writerow((question.label_id, "", *keys, *told, *fields))
    return out.getvalue()


def _harmless(value: str) -> str:
    """A value that no spreadsheet runs as a formula."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t")) else value


@dataclass(frozen=True)
class TakenAnswers:
    """The answers, how many of them took the place of an earlier one that said otherwise, how many
    were left out, as they name somebody who was forgotten, the label file, and the feed, if it had
    to be written."""

    answers: Answers
    replaced: int
    forgotten: int
    labels: Path
    feed: Path | None


def take_answers(root: Path, path: Path) -> TakenAnswers:
    """Turn answers into labels of the tenant.

    Raises C360Error for a file without a usable answer, and where a file of the tenant's own stands
    in the place.
    """
    answers = read_answers(path)
    if not answers.rows:
        told = f": {answers.problems[0]}" if answers.problems else ""
        raise C360Error(
            f"{path} holds no answer that can be taken{told}; write same or different in the "
            "column answer"
        )
    labels = root / ANSWERS_FILE
    with answers_held(root), duckdb.connect() as con:
        forgotten = forgotten_labels(Suppression.of(root), answers.rows, con)
        rows = without_labels(answers.rows, forgotten)
        earlier = kept_answers(labels)
        changed = {row_id: row for row_id, row in rows.items() if row != earlier.get(row_id, row)}
        replace_page(labels, answers_csv(earlier | rows))
    replaced = len(labels_of(changed))
    feed = root / FEED_FILE
    if feed.exists():
        return TakenAnswers(answers, replaced, len(forgotten), labels, None)
    write_new_files(root, {FEED_FILE: FEED})
    return TakenAnswers(answers, replaced, len(forgotten), labels, feed)


def withdraw_answers(root: Path, names: Sequence[str]) -> int:
    """Take answers back, by their `label_id`; how many are left.

    Raises C360Error, and changes nothing, where one of them is not there.
    """
    path = root / ANSWERS_FILE
    with answers_held(root):
        rows = kept_answers(path)
        unknown = sorted(set(names) - labels_of(rows))
        if unknown:
            raise C360Error(
                f"{short_path(path)} has no answer {', '.join(unknown)}; the column label_id there "
                "names them, and so does a run that warns of one"
            )
        left = without_labels(rows, names)
        replace_page(path, answers_csv(left))
    return len(labels_of(left))
