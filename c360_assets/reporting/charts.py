"""Charts of the pages about Stitch, by Plotly: figures as the pages take them.

Belongs here: what a figure shows and how it stays readable in light and dark. Every page has the
same figures as a table, for those who cannot see a chart. What is shown is gathered elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

# Of the matcher nothing is needed but the shapes.
if TYPE_CHECKING:
    from c360_assets.stitch.explain.pair import Evidence
    from c360_assets.stitch.explain.people import Link

# Told apart also by who cannot tell red from green, and on white and on black.
FOR = "#2f7fc1"
AGAINST = "#c8642b"
TOTAL = "#7a6fb0"
QUIET = "#8a94a3"
ROW_HEIGHT = 26
LEAST_HEIGHT = 240
# Up to so many records are drawn with their names.
NAMED_NODES = 40
LAYOUT = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "margin": {"l": 10, "r": 10, "t": 10, "b": 40},
    "showlegend": False,
    "font": {"family": "system-ui, sans-serif", "size": 13},
}


def script() -> str:
    """The library's script, to stand in a page."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def figure_json(data: Sequence[Any], layout: Mapping[str, Any]) -> str:
    """A figure as the library's script reads it, safe inside a script element."""
    from plotly.graph_objects import Figure

    figure = Figure(data=list(data), layout={**LAYOUT, **layout})
    text = str(figure.to_json())
    # A record's key may hold the end of a script element.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def waterfall(evidence: Sequence[Evidence]) -> str:
    """What each field adds to the bits for one person, from the prior to the sum."""
    from plotly.graph_objects import Waterfall

    shown = [item for item in evidence if item.level or abs(item.bits) > 1e-9]
    names = [f"{item.field}: {item.label}" for item in shown]
    bits = [item.bits for item in shown]
    reached = [0.0, *accumulate(bits)]
    margin = 0.12 * (max(reached) - min(reached)) + 0.5
    bars = Waterfall(
        orientation="h",
        measure=[*("relative" for _ in shown), "total"],
        y=[*names, "sum"],
        x=[*bits, 0],
        text=[*(f"{value:+.2f}" for value in bits), f"{sum(bits):+.2f}"],
        textposition="outside",
        increasing={"marker": {"color": FOR}},
        decreasing={"marker": {"color": AGAINST}},
        totals={"marker": {"color": TOTAL}},
        connector={"line": {"color": QUIET, "width": 1}},
        cliponaxis=False,
    )
    return figure_json(
        [bars],
        {
            "height": max(LEAST_HEIGHT, ROW_HEIGHT * (len(shown) + 3)),
            "yaxis": {"autorange": "reversed", "automargin": True},
            "xaxis": {
                "title": {"text": "bits for one person"},
                "zeroline": True,
                # Room for the numbers beside the bars.
                "range": [min(reached) - margin, max(reached) + margin],
            },
            "margin": {"l": 10, "r": 60, "t": 10, "b": 40},
        },
    )


def cluster_graph(names: Sequence[str], links: Sequence[Link], marked: Sequence[str] = ()) -> str:
    """The records on a circle and the links between them; linked ones solid, others dotted."""
    place = _on_circle(names)
    drawn = [link for link in links if link.one in place and link.other in place]
    data = [_line(link, place) for link in drawn]
    data += [_middles(drawn, place), _points(place, marked)]
    hidden = {"visible": False, "range": [-1.7, 1.7]}
    return figure_json(data, {"height": 460, "xaxis": hidden, "yaxis": hidden})


def _on_circle(names: Sequence[str]) -> dict[str, tuple[float, float]]:
    place = {}
    for number, name in enumerate(names):
        angle = 2 * math.pi * number / len(names)
        place[name] = (math.cos(angle), math.sin(angle))
    return place


def _points(place: Mapping[str, tuple[float, float]], marked: Sequence[str]) -> Any:
    """The records: named unless they are many, those asked about in another colour."""
    from plotly.graph_objects import Scatter

    colors = [AGAINST if name in marked else FOR for name in place]
    return Scatter(
        x=[x for x, _ in place.values()],
        y=[y for _, y in place.values()],
        mode="markers+text" if len(place) <= NAMED_NODES else "markers",
        text=list(place),
        textposition="top center",
        hoverinfo="text",
        marker={"size": 16, "color": colors},
    )


def _line(link: Link, place: Mapping[str, tuple[float, float]]) -> Any:
    from plotly.graph_objects import Scatter

    ends = [place[link.one], place[link.other]]
    is_linked = link.score >= 3
    return Scatter(
        x=[end[0] for end in ends],
        y=[end[1] for end in ends],
        mode="lines",
        hoverinfo="skip",
        line={
            "color": FOR if is_linked else QUIET,
            "width": 1 + max(link.score - 2, 0),
            "dash": "solid" if is_linked else "dot",
        },
    )


def _middles(links: Sequence[Link], place: Mapping[str, tuple[float, float]]) -> Any:
    """A point on each link that says its score when one points at it."""
    from plotly.graph_objects import Scatter

    return Scatter(
        x=[(place[link.one][0] + place[link.other][0]) / 2 for link in links],
        y=[(place[link.one][1] + place[link.other][1]) / 2 for link in links],
        mode="markers",
        marker={"size": 9, "color": QUIET},
        hoverinfo="text",
        text=[f"{link.one} – {link.other}: {link.score:.2f}, {link.decided_by}" for link in links],
    )


def bars(
    names: Sequence[str], values: Sequence[float], title: str, *, cut: float = math.nan
) -> str:
    """Columns side by side; `cut` draws a line before the first column that begins there."""
    from plotly.graph_objects import Bar

    layout: dict[str, Any] = {
        "height": 300,
        "xaxis": {"type": "category", "automargin": True},
        "yaxis": {"title": {"text": title}, "automargin": True},
        "bargap": 0.15,
    }
    if not math.isnan(cut):
        line = {"color": AGAINST, "width": 2, "dash": "dash"}
        mark = {"type": "line", "x0": cut, "x1": cut, "y0": 0, "y1": 1, "yref": "paper"}
        layout["shapes"] = [{**mark, "line": line}]
    return figure_json([Bar(x=list(names), y=list(values), marker={"color": FOR})], layout)


def upset(sets: Mapping[str, int], sources: Sequence[str]) -> str:
    """How many people stand in exactly which sources: a column per combination over dots."""
    from plotly.graph_objects import Bar, Scatter

    names = list(sets)
    columns = Bar(
        x=list(range(len(names))),
        y=list(sets.values()),
        text=[f"{value:,}" for value in sets.values()],
        hovertext=names,
        marker={"color": FOR},
    )
    x, y = [], []
    for number, name in enumerate(names):
        held = set(name.split(" + "))
        rows = [row for row, source in enumerate(sources) if source in held]
        x += [number for _ in rows]
        y += rows
    dots = Scatter(x=x, y=y, mode="markers", yaxis="y2", marker={"size": 12, "color": TOTAL})
    dots_share = min(0.5, 0.08 * len(sources) + 0.05)
    return figure_json(
        [columns, dots],
        {
            "height": 320 + ROW_HEIGHT * len(sources),
            "xaxis": {"visible": False},
            "yaxis": {"domain": [dots_share + 0.05, 1], "title": {"text": "people"}},
            "yaxis2": {
                "domain": [0, dots_share],
                "tickvals": list(range(len(sources))),
                "ticktext": list(sources),
                "automargin": True,
                "range": [len(sources) - 0.5, -0.5],
            },
        },
    )
