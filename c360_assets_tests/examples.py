"""How many cases a costly test takes: in CI all of them, and always the same; on a developer's
machine a few, which `hypothesis` draws anew each time.

For tests of which a single case takes a second or so; others say a number.
"""

from __future__ import annotations

import os


def examples(in_ci: int, here: int) -> int:
    """Of two numbers of cases the one for this machine; a variable CI says that it is CI's."""
    return in_ci if os.environ.get("CI") else here
