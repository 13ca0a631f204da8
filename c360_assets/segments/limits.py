"""What `expect` says of a segment's size: findings that warn, and those that stop sending."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from c360_assets.tenant.segments import SegmentConfig, SizeLimits, percent
from c360_assets.wording import counted


@dataclass(frozen=True)
class LimitFinding:
    """A limit that a size has passed. `severity` is `warn` or `fail`."""

    segment: str
    severity: str
    message: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def limit_findings(
    configs: Mapping[str, SegmentConfig], now: Mapping[str, int], earlier: Mapping[str, int]
) -> list[LimitFinding]:
    """Findings about all segments; `earlier` are the sizes of the day before, where there are."""
    findings: list[LimitFinding] = []
    for name, config in configs.items():
        levels = (("warn", config.expect.warn), ("fail", config.expect.fail))
        for severity, limits in levels:
            if limits is not None:
                messages = _messages(limits, now[name], earlier.get(name))
                findings += [LimitFinding(name, severity, message) for message in messages]
    return findings


def _messages(limits: SizeLimits, people: int, earlier: int | None) -> Iterator[str]:
    if limits.below is not None and people < limits.below:
        yield f"has {counted(people, 'person', 'people')}, fewer than {limits.below:,}"
    if limits.above is not None and people > limits.above:
        yield f"has {counted(people, 'person', 'people')}, more than {limits.above:,}"
    if limits.change is not None and earlier is not None:
        most = percent(limits.change)
        if abs(people - earlier) * 100 > most * earlier:
            now = counted(people, "person", "people")
            yield f"has {now} after {earlier:,}: a change of more than {limits.change}"
