"""The page `reports/explain.html`: one explanation as charts and tables, in one file.

It holds record keys, levels and scores, and no value of a person. What it shows is gathered by
`explain`, the figures are drawn by `charts`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from c360_assets.reporting import charts
from c360_assets.reporting.explain import ExplainedPair, ExplainedPerson
from c360_assets.reporting.pages import replace_page
from c360_assets.reporting.validation_page import environment
from c360_assets.wording import counted

PAGE = "explain.html"


def write_explanation(explained: ExplainedPair | ExplainedPerson, root: Path) -> Path:
    """Write the page of the tenant at `root` and return its path."""
    template = environment().get_template(f"{PAGE}.jinja")
    html = template.render(**_content(explained), script=charts.script())
    return replace_page(root / "reports" / PAGE, html)


def _content(explained: ExplainedPair | ExplainedPerson) -> dict[str, Any]:
    shown: dict[str, Any] = {"notes": explained.notes, "steps": explained.steps}
    if isinstance(explained, ExplainedPerson):
        graph = charts.cluster_graph(explained.records, explained.links)
        n_records = len(explained.records)
        lead = counted(n_records, "record")
        if explained.weakest is not None:
            weakest = explained.weakest
            lead += f"; the weakest link is {weakest.one} and {weakest.other}, {weakest.score:.2f}"
        return {
            **shown,
            "title": f"Why {explained.amperity_id} is one person",
            "lead": lead,
            "pair": None,
            "links": explained.links,
            "figures": {"records": graph},
        }
    links = explained.path or explained.links
    figures = {}
    if explained.pair.evidence:
        figures["evidence"] = charts.waterfall(explained.pair.evidence)
    if links:
        names = sorted({name for link in links for name in (link.one, link.other)})
        ends = (explained.one, explained.other)
        figures["records"] = charts.cluster_graph(names, links, ends)
    return {
        **shown,
        "title": f"{explained.one} and {explained.other}",
        "lead": explained.verdict,
        "pair": explained.pair,
        "links": links,
        "figures": figures,
    }
