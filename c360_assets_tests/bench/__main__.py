"""`make bench`: every benchmark of this package but those that are named alone, one after the
other; exits 1 when a target is missed.

`python -m c360_assets_tests.bench ingest --rows 200000` runs one of them with its own options. With
`--write` the tables replace their sections in docs/benchmarks.md.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

from c360_assets_tests import bench
from c360_assets_tests.bench import measure

SHARED = {"__main__", "measure", "processes"}
ALONE = {"spark"}  # `make growth`: it takes long, and an extra


def main(arguments: list[str]) -> int:
    names = [m.name for m in pkgutil.iter_modules(bench.__path__) if m.name not in SHARED]
    chosen = [name for name in names if name not in ALONE]
    if arguments and arguments[0] in names:
        chosen, arguments = arguments[:1], arguments[1:]
    reached = [
        importlib.import_module(f"{bench.__name__}.{name}").main(arguments) for name in chosen
    ]
    if "--write" in arguments:
        measure.write(measure.SHOWN)
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
