"""Digests of definitions: by which a segment in a file and a computed one are told to be the same.

Of what decides who is in a segment, and nothing else: no description, comment or order of keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from c360_assets.segments.compile import with_referenced
from c360_assets.segments.definition import Definition
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.digest import fingerprint

DIGEST_LETTERS = 16
# By which definitions each segment was computed last. An empty one that was edited and computed
# twice on a day has two of that day.
COMPUTED_BY = """
    SELECT d.segment, coalesce(m.definitions, d.definitions) AS definitions
    FROM (
        SELECT segment, list(definition) AS definitions, last_day
        FROM {definitions} GROUP BY segment, last_day
        QUALIFY last_day = max(last_day) OVER ()
    ) AS d
    LEFT JOIN (
        SELECT segment, list(DISTINCT definition) AS definitions FROM {membership} GROUP BY segment
    ) AS m ON m.segment = d.segment
"""


def definition_digests(tenant: Tenant, definitions: Mapping[str, Definition]) -> dict[str, str]:
    """Segment -> digest of its conditions, and of those of the segments that it names."""
    return {
        name: fingerprint(definition.digest_text, _meaning(tenant, definitions, name))[
            :DIGEST_LETTERS
        ]
        for name, definition in definitions.items()
    }


def _meaning(tenant: Tenant, definitions: Mapping[str, Definition], name: str) -> str:
    names = sorted(with_referenced([name], definitions))
    parts = [definitions[one].digest_text for one in names]
    parts += [tenant.segment_sql[one].text for one in names if one in tenant.segment_sql]
    return "\n".join(parts)


def edited_segments(
    computed_by: Iterable[tuple[str, Sequence[str]]], now: Mapping[str, str]
) -> set[str]:
    """Segments whose files mean other people than were computed last; `computed_by` are the rows
    of `COMPUTED_BY`, `now` the digests of the files.
    """
    return {name for name, definitions in computed_by if now.get(name) not in definitions}
