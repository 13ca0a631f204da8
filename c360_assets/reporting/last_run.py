"""How the last run is told: one line of `c360 status`."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from c360_assets.warehouse.last_run import LastRun
from c360_assets.wording import counted

LONG = 120.0  # seconds, from which minutes say enough


def last_run_line(run: LastRun, clock: ZoneInfo) -> str:
    """What was run and when, how long it took, and what it did; in the zone of `clock`."""
    began = run.began_at.astimezone(clock)
    took = f"{run.seconds:.1f} s" if run.seconds < LONG else f"{run.seconds / 60:.0f} min"
    return f"{_command(run)} at {began:%Y-%m-%d %H:%M}, took {took}: {', '.join(_done(run))}"


def _command(run: LastRun) -> str:
    if not run.options:
        return run.what
    options = " ".join(run.options)
    return f"{run.what[:-1]} {options}`" if run.what.endswith("`") else f"{run.what} ({options})"


def _done(run: LastRun) -> Iterator[str]:
    yield (
        f"{counted(run.rows, 'row')} of {counted(run.files, 'file')} loaded"
        if run.files
        else "nothing loaded"
    )
    yield "stitched" if run.stitched else "not stitched"
    yield f"{counted(run.built, 'table')} built"
    if run.reused:
        yield f"{run.reused:,} reused"
    yield "published" if run.published else "not published anew"
    if run.failures:
        yield f"{run.failures:,} failures"
