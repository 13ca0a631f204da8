"""How often Python looks for objects that only hold one another. What is made belongs elsewhere.

By its default it looks after every seven hundred objects. The definitions of a tenant are hundreds
of thousands that all stay, so that a third of the time to make them went into looking.
"""

from __future__ import annotations

import gc

# Objects that are made between two looks at the newest ones, and looks of one kind before one at
# older ones.
OBJECTS = 50_000
LOOKS = 20


def collect_seldom() -> None:
    """Look seldom from now on: for programs of ours, at their start.

    Not for a library's import: how a program collects is the program's to say.
    """
    gc.set_threshold(OBJECTS, LOOKS, LOOKS)
