"""A proposed feed tried before it is printed: checked, and its sample loaded into a scratch table.

The same code runs as in `c360 check` and `c360 load`, in a folder that is gone afterwards. Nothing
of the tenant is read or written; a result holds counts and kinds of errors, never a value.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from uuid import UUID

import polars as pl

from c360_assets.errors import Problem
from c360_assets.ingest.formats.readers import open_files
from c360_assets.ingest.incoming import (
    INCOMING,
    count_rows,
    fill_incoming,
    rejected_rows,
)
from c360_assets.ingest.landed_files import LandedFile
from c360_assets.ingest.row_errors import commonest
from c360_assets.tenant import check_feeds, check_tags
from c360_assets.tenant.config_check import ConfigCheck
from c360_assets.tenant.loader import read_files
from c360_assets.tenant.models import FeedConfig
from c360_assets.warehouse.digest import file_digest
from c360_assets.warehouse.session import Session, open_session

SCRATCH_ID = UUID("00000000-0000-4000-8000-000000000000")
SCRATCH_DAY = date(2026, 1, 1)


@dataclass(frozen=True)
class Trial:
    """What became of a proposal: problems of its settings, and its sample's rows.

    `failure` says why the file as a whole was refused, or is "". `reasons` names the commonest
    errors of the `rejected` rows, `cast_errors` counts those of values by field. `same_key` counts
    rows whose key another row has too.
    """

    problems: list[Problem]
    failure: str = ""
    read: int = 0
    rejected: int = 0
    reasons: str = ""
    same_key: int = 0
    cast_errors: dict[str, int] = field(default_factory=dict)

    @property
    def loads(self) -> bool:
        return not self.failure and not self.errors

    @property
    def summary(self) -> str:
        """The rows that load, or that none does, in a few words."""
        if not self.loads:
            return "does not load yet"
        return f"{self.read - self.rejected} of {self.read} load"

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]


def try_feed(text: str, sample: Path, relative: str) -> Trial:
    """Check the YAML `text` of a feed, and load the file `sample` by it.

    `relative` is the path that the file has below `landing/`.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "tenant.yaml").write_text(f"id: {SCRATCH_ID}\n")
        (root / "feeds").mkdir()
        (root / "feeds" / "proposed.yaml").write_text(text, "utf-8")
        files = read_files(root)
        if files.tenant is None or not files.tenant.feeds:
            return Trial(list(files.problems))
        check = ConfigCheck(files.tenant, files.unread)
        for run_check in (*check_feeds.CHECKS, *check_tags.CHECKS):
            run_check(check)
        problems = list(dict.fromkeys([*files.problems, *check.problems]))
        if any(problem.severity == "error" for problem in problems):
            return Trial(problems)
        (feed,) = files.tenant.feeds
        with open_session(root / "warehouse") as session:
            session.execute("SET threads = 1")
            return _load(session, feed, sample, relative, root / ".tmp" / "trial", problems)


def _load(
    session: Session,
    feed: FeedConfig,
    sample: Path,
    relative: str,
    workspace: Path,
    problems: list[Problem],
) -> Trial:
    facts = sample.stat()
    digest = file_digest(sample)
    landed = LandedFile(sample, relative, SCRATCH_DAY, facts.st_size, facts.st_mtime_ns, digest)
    files = open_files(session, feed, [landed], workspace)
    years = [SCRATCH_DAY.year] * len(files.names)
    fill_incoming(session, SCRATCH_ID, feed, years, files.batches())
    if files.failures:
        failure = str(next(iter(files.failures.values())))
        return Trial(problems, failure=re.sub(r"^feed [^:]*:[^:]*: ", "", failure))
    counts = count_rows(session)
    rejected = sum(count.rejected for count in counts)
    errors = rejected_rows(session)
    ((same_key,),) = session.rows(
        f"SELECT count(*) - count(DISTINCT _pk) FROM {INCOMING} WHERE _error IS NULL"
    )
    return Trial(
        problems,
        read=sum(count.read for count in counts),
        rejected=rejected,
        reasons=commonest(errors, feed) if rejected else "",
        same_key=same_key,
        cast_errors=_cast_errors(errors),
    )


def _cast_errors(errors: pl.DataFrame) -> dict[str, int]:
    casts = errors.filter(pl.col("error_type") == "cast_error")
    return dict(casts.group_by("field").len().iter_rows())
