"""What people answered, as rows of a label table: one person, or two.

An answer names its pair by the keys of both records; `label_id` holds a digest of them, so that a
key that a spreadsheet changed is noticed. A pair that was not asked about has none.
What a label does to matching is `score.labels`.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from c360_assets.errors import C360Error

ANSWERS_FILE = Path("landing", "review", "answers.csv")
LOCK_FILE = ".review.lock"

KEY_COLUMNS = ("source1", "key1", "source2", "key2")
NEEDED_COLUMNS = ("answer", *KEY_COLUMNS)
ANSWER_COLUMNS = ("label_id", *NEEDED_COLUMNS)
LABEL_COLUMNS = ("row_id", "label_id", "partition_id", "datasource", "semantic", "value")
SAME = {"same", "yes", "y", "1"}
DIFFERENT = {"different", "no", "n", "0", "2"}
OPEN = {"", "?", "unknown", "skip"}
DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Answers:
    """Label rows by their `row_id`, and how many pairs got which answer.

    `problems`: rows that could not be taken, by line.
    """

    rows: dict[str, tuple[str, ...]] = field(default_factory=dict)
    same: int = 0
    different: int = 0
    unanswered: int = 0
    problems: list[str] = field(default_factory=list)


def label_id(source1: str, key1: str, source2: str, key2: str) -> str:
    """The name of the question about these two records."""
    text = "\x1f".join((source1, key1, source2, key2))
    return f"review-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def read_answers(path: Path) -> Answers:
    """The answers in a CSV that `c360 review` wrote and somebody filled in, or that somebody wrote
    with the columns `NEEDED_COLUMNS`.

    Raises C360Error for a file that is no such CSV.
    """
    reader = _csv_reader(_text(path))
    missing = [name for name in NEEDED_COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise C360Error(
            f"{path} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; "
            "answer in the file reports/review.csv that `c360 review` writes, or write the columns "
            f"{', '.join(NEEDED_COLUMNS)}"
        )
    return _taken(reader)


def _csv_reader(text: str) -> csv.DictReader[str]:
    """The rows of a CSV, whichever of the usual delimiters its first line holds most of."""
    first_line = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first_line.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or []]
    return reader


def _text(path: Path) -> str:
    """The file's text in UTF-8, UTF-16 or western Europe's code page, as spreadsheets save it,
    without a first line `sep=;`, which is for them.

    A key that another code page than these would spoil no longer fits its `label_id`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise C360Error(f"{path} cannot be read ({type(error).__name__})") from None
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if is_utf16 else ("utf-8-sig", "cp1252"):
        try:
            return re.sub(r"\A\"?sep=.\"?\r?\n", "", content.decode(encoding))
        except UnicodeDecodeError:
            continue
    raise C360Error(f"{path} is not text that can be read; save it as CSV in UTF-8")


def _taken(rows: Iterable[Mapping[str, str | None]]) -> Answers:
    labels: dict[str, tuple[str, ...]] = {}
    verdicts: dict[str, bool] = {}
    problems = []
    unanswered = 0
    for number, row in enumerate(rows, 2):
        answer = (row["answer"] or "").strip().lower()
        keys = [row[name] or "" for name in KEY_COLUMNS]
        name = row.get("label_id") or ""
        if not name and not any(keys):
            continue  # a blank line, which a spreadsheet fills with delimiters
        if not name:
            one, other = sorted((tuple(keys[:2]), tuple(keys[2:])))
            keys = [*one, *other]
            name = label_id(*keys)
        if answer in OPEN:
            unanswered += 1
        elif answer not in SAME | DIFFERENT:
            problems.append(f"line {number}: the answer is none of same, different or blank")
        elif not all(keys):
            problems.append(f"line {number}: {', '.join(KEY_COLUMNS)} must name two records")
        elif keys[:2] == keys[2:]:
            problems.append(f"line {number}: it names one record twice")
        elif name != label_id(*keys):
            problems.append(
                f"line {number}: its keys are not those that were asked about; a spreadsheet may "
                "have changed them (leading zeros, dates): import them as text"
            )
        elif verdicts.get(name, answer in SAME) != (answer in SAME):
            problems.append(f"line {number}: the pair was answered otherwise before")
        else:
            verdicts[name] = answer in SAME
            labels |= _label_rows(name, keys, same=answer in SAME)
    same = sum(verdicts.values())
    return Answers(labels, same, len(verdicts) - same, unanswered, problems)


def _label_rows(name: str, keys: list[str], *, same: bool) -> dict[str, tuple[str, ...]]:
    """The two rows of a label: records of one partition are one person."""
    source1, key1, source2, key2 = keys
    other_partition = "1" if same else "2"
    return {
        f"{name}-1": (f"{name}-1", name, "1", source1, "pk", key1),
        f"{name}-2": (f"{name}-2", name, other_partition, source2, "pk", key2),
    }


@contextmanager
def answers_held(root: Path) -> Iterator[None]:
    """Nobody else changes the answers of the tenant at `root` while the block runs."""
    with FileLock(root / LOCK_FILE, mode=0o600):
        yield


def kept_answers(path: Path) -> dict[str, tuple[str, ...]]:
    """The label rows that a tenant's file of answers holds, by their `row_id`; none without one.

    Raises C360Error for a file with other columns: it is not ours.
    """
    if not path.exists():
        return {}
    reader = _csv_reader(_text(path))
    if tuple(reader.fieldnames or ()) != LABEL_COLUMNS:
        raise C360Error(f"{path} is no file of answers; move it away")
    return {row["row_id"]: tuple(row[name] or "" for name in LABEL_COLUMNS) for row in reader}


def answers_csv(rows: Mapping[str, tuple[str, ...]]) -> str:
    """Label rows as the text of a tenant's file of answers."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(LABEL_COLUMNS)
    writer.writerows(rows.values())
    return out.getvalue()


def labels_of(rows: Mapping[str, tuple[str, ...]]) -> set[str]:
    """The `label_id`s of label rows."""
    return {row[LABEL_COLUMNS.index("label_id")] for row in rows.values()}


def without_labels(
    rows: Mapping[str, tuple[str, ...]], labels: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """The label rows that are left when these labels go whole."""
    place = LABEL_COLUMNS.index("label_id")
    return {row_id: row for row_id, row in rows.items() if row[place] not in labels}
