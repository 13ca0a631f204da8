"""What the models of all YAML files share: strictness, and names.

What a file declares belongs to the module of its stage.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Name = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


def physical_name(name: str) -> str:
    """The table name of a `Source:Feed`: what is no letter or digit becomes an underscore."""
    return re.sub(r"[^A-Za-z0-9]", "_", name)


class Strict(BaseModel):
    """Unknown keys are errors: a misspelt key must not be ignored silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)
