"""The page `reports/stitch.html`: who came out of the last Stitch run, from what, and how sure.

One file with its script inside, readable in light and dark and by a screen reader. Values of people
are masked unless they are asked for. What a figure means is `stitch.publish.metrics`, how it is
drawn `charts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from c360_assets.errors import C360Error
from c360_assets.reporting import charts
from c360_assets.reporting.pages import replace_page
from c360_assets.reporting.stitch_quality import shown_estimates, undecidable_text
from c360_assets.reporting.validation_page import environment
from c360_assets.stitch.publish.metrics import DETERMINISTIC, SIZE_BUCKETS
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Session

PAGE = "stitch.html"
READ = (
    "unified_coalesced",
    "unified_scores",
    "stitch_scores",
    "stitch_model",
    "stitch_metrics",
    "stitch_generation",
    "stitch_benchmarks",
)
SAMPLE = 10
MOST_SETS = 24
SAMPLED_COLUMNS = ("given_name", "surname", "email", "phone", "postal", "birthdate")
KINDS = (
    "one record",
    "deterministic only",
    "probabilistic only",
    "both",
    "deterministic and transitive",
    "probabilistic and transitive",
    "all three",
    "no scored pair",
)
COMPLEXITY = """
    WITH sizes AS (SELECT amperity_id, count(*) AS n FROM unified_coalesced GROUP BY 1),
    kinds AS (
        SELECT amperity_id,
               bool_or(regexp_matches(decided_by, '^({deterministic})')) AS det,
               bool_or(match_type = 'scored' AND score >= {cut}
                       AND NOT regexp_matches(decided_by, '^({deterministic})')) AS prob,
               bool_or(match_type = 'scored_transitive') AS trans
        FROM unified_scores GROUP BY 1)
    SELECT CASE WHEN n < 5 THEN n::VARCHAR WHEN n <= 10 THEN '5-10' WHEN n <= 15 THEN '11-15'
                WHEN n <= 20 THEN '16-20' WHEN n <= 25 THEN '21-25' ELSE '26+' END AS bucket,
           CASE WHEN n = 1 THEN 0
                WHEN det AND prob AND trans THEN 6
                WHEN prob AND trans THEN 5
                WHEN det AND trans THEN 4
                WHEN det AND prob THEN 3
                WHEN prob THEN 2
                WHEN det THEN 1
                ELSE 7 END AS kind,
           min(n), count(*)
    FROM sizes LEFT JOIN kinds USING (amperity_id) GROUP BY 1, 2 ORDER BY min(n), kind"""
SCORES = """
    SELECT printf('%.1f', floor(greatest(score, model_score) * 10) / 10) AS band, count(*)
    FROM stitch_scores WHERE greatest(score, model_score) >= 1 GROUP BY 1 ORDER BY 1"""


@dataclass(frozen=True)
class _Figures:
    """Rows of `stitch_metrics`: (metric, datasource, bucket) -> value."""

    values: dict[tuple[str, str, str], float]

    def single(self, metric: str, datasource: str = "*") -> float:
        return self.values.get((metric, datasource, ""), 0.0)

    def by_bucket(self, metric: str) -> dict[str, int]:
        return {
            bucket: int(value)
            for (name, source, bucket), value in self.values.items()
            if name == metric and source == "*" and bucket
        }

    def datasources(self) -> list[str]:
        return sorted({source for name, source, _ in self.values if source != "*" and name})


def write_report(session: Session, tenant: Tenant, *, show_pii: bool = False) -> Path:
    """Write the page from what is stored, and return its path.

    Raises C360Error where Stitch has not run.
    """
    missing = [table for table in READ if session.state(table) is None]
    if missing:
        raise C360Error("Stitch has not run yet; `c360 run` runs the whole day")
    for table in READ:
        session.bind(table)
    rows = session.rows("SELECT metric, datasource, bucket, value FROM stitch_metrics")
    figures = _Figures({(metric, source, bucket): v for metric, source, bucket, v in rows})
    template = environment().get_template(f"{PAGE}.jinja")
    html = template.render(
        title=f"Stitch – {tenant.config.name}",
        **_content(session, tenant, figures),
        **_sample(session, show_pii=show_pii),
        script=charts.script(),
    )
    return replace_page(tenant.root / "reports" / PAGE, html)


def _content(session: Session, tenant: Tenant, figures: _Figures) -> dict[str, Any]:
    state = session.built("stitch_generation")
    ((generation, model_generation),) = session.rows(
        "SELECT generation, model_generation FROM stitch_generation"
    )
    sets = figures.by_bucket("ids_by_sources")
    largest = dict(sorted(sets.items(), key=lambda item: (-item[1], item[0]))[:MOST_SETS])
    scores = dict(session.rows(SCORES))
    causes = figures.by_bucket("changes_by_cause")
    sizes = _sizes(figures)
    sources = figures.datasources()
    cut = tenant.stitch.matching.threshold
    drawn = {
        "sizes": charts.bars(list(sizes), list(sizes.values()), "people"),
        "sets": charts.upset(largest, sources),
        "scores": _scores_chart(scores, cut),
        "causes": charts.bars(list(causes), list(causes.values()), "records"),
    }
    return {
        "generation": generation,
        "model": session.built("stitch_model").figures.get("model", ""),
        "model_generation": model_generation,
        "warnings": state.figures.get("warnings", []),
        "lead": _lead(figures),
        **_quality(figures),
        "benchmarks": _benchmarks(session),
        "per_source": [_source_row(figures, source) for source in sources],
        "sets": _counted(largest),
        "hidden_sets": len(sets) - len(largest),
        "sizes": _counted(sizes),
        "complexity": _complexity(session, cut),
        "scores": _counted(scores),
        "cut": cut,
        "causes": _counted(causes),
        "weights": _weights(session),
        "figures": drawn,
    }


def _sizes(figures: _Figures) -> dict[str, int]:
    """People by number of records, without buckets that nobody is in."""
    sizes = figures.by_bucket("ids_by_size")
    return {name: sizes[name] for _, name in SIZE_BUCKETS if sizes.get(name)}


def _scores_chart(scores: Mapping[str, int], cut: float) -> str:
    below = [band for band in scores if float(band) < cut]
    # The line stands before the first column that links.
    return charts.bars(list(scores), list(scores.values()), "pairs", cut=len(below) - 0.5)


def _counted(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(name, f"{count:,}") for name, count in counts.items()]


def _lead(figures: _Figures) -> list[tuple[str, str]]:
    """The figures at the top: what is counted, and how many."""
    single = figures.single
    return [
        ("source records", f"{single('source_records'):,.0f}"),
        ("people", f"{single('amperity_ids'):,.0f}"),
        ("deduplication rate", f"{single('deduplication_rate'):.1f} %"),
        ("records compared", f"{single('representatives'):,.0f}"),
        ("pairs compared", f"{single('related_pairs'):,.0f}"),
        ("pairs that link", f"{single('filtered_related_pairs'):,.0f}"),
        ("records with another id", f"{single('pks_updated'):,.0f}"),
    ]


def _quality(figures: _Figures) -> dict[str, Any]:
    """The estimates without labels."""
    known = {name: value for (name, _, _), value in figures.values.items() if value is not None}
    estimates = shown_estimates(known)
    return {
        "quality": [(estimate.title, estimate.text) for estimate in estimates],
        "undecidable": undecidable_text(known),
    }


def _benchmarks(session: Session) -> list[tuple[str, ...]]:
    """The benchmarks of the newest measured run, and what the runs before it had."""
    rows = session.rows(
        """
        SELECT benchmark, arg_max(value, generation), list(value ORDER BY generation),
               arg_max(coalesce(status, ''), generation), arg_max(coalesce(advice, ''), generation),
               arg_max(optimal_up_to, generation), arg_max(high_from, generation)
        FROM stitch_benchmarks GROUP BY benchmark ORDER BY benchmark"""
    )
    return [
        (
            name.replace("_", " "),
            f"{value:g}",
            f"{optimal:g} / {high:g}",
            status.replace("_", " "),
            ", ".join(f"{earlier:g}" for earlier in values[:-1]),
            advice,
        )
        for name, value, values, status, advice, optimal, high in rows
    ]


def _source_row(figures: _Figures, source: str) -> tuple[str, ...]:
    counts = (f"{figures.single(name, source):,.0f}" for name in ("source_records", "amperity_ids"))
    return (source, *counts, f"{figures.single('deduplication_rate', source):.1f} %")


def _complexity(session: Session, cut: float) -> list[list[str]]:
    """A row per number of records: people by what holds their records together."""
    found = session.rows(COMPLEXITY.format(deterministic="|".join(DETERMINISTIC), cut=cut))
    by_bucket: dict[str, list[int]] = {}
    for bucket, kind, _, count in found:
        by_bucket.setdefault(bucket, [0] * len(KINDS))[kind] = count
    return [
        [bucket, *(f"{count:,}" if count else "" for count in counts)]
        for bucket, counts in by_bucket.items()
    ]


def _weights(session: Session) -> list[tuple[str, ...]]:
    rows = session.rows(
        "SELECT feature, label, m, h, u, weight_bits FROM stitch_model ORDER BY feature, level"
    )
    return [
        (feature, label, *(f"{share:.4f}" for share in (m, h, u)), f"{bits:+.2f}")
        for feature, label, m, h, u, bits in rows
    ]


def _sample(session: Session, *, show_pii: bool) -> dict[str, Any]:
    """Some people with several records: always the same, whoever looks."""
    columns = ", ".join(f"CAST({column} AS VARCHAR)" for column in SAMPLED_COLUMNS)
    rows = session.rows(
        f"""
        WITH chosen AS (
            SELECT amperity_id FROM unified_coalesced GROUP BY 1 HAVING count(*) BETWEEN 2 AND 12
            ORDER BY md5(amperity_id) LIMIT {SAMPLE})
        SELECT amperity_id, datasource, {columns}
        FROM unified_coalesced SEMI JOIN chosen USING (amperity_id)
        ORDER BY amperity_id, datasource, pk"""
    )
    people: dict[str, list[tuple[str, ...]]] = {}
    for amperity_id, datasource, *values in rows:
        shown = [value if show_pii else masked(value) for value in values]
        people.setdefault(amperity_id, []).append((datasource, *(text or "" for text in shown)))
    return {
        "people": people,
        "sampled_columns": ("source", *(name.replace("_", " ") for name in SAMPLED_COLUMNS)),
        "kinds": ("records", *KINDS),
        "show_pii": show_pii,
    }


def masked(value: str | None) -> str:
    """A value of which only its first sign and its length are left."""
    if not value:
        return ""
    return value[0] + "•" * (len(value) - 1)
