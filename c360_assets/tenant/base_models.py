"""What the models of all YAML files share: strictness, and names.

What a file declares belongs to the module of its stage.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

# What Dagster takes for an e-mail address; it refuses to load what has another owner.
OWNER = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}|team:\S.*")


def _owner(text: str) -> str:
    if not OWNER.fullmatch(text):
        raise ValueError("must be team: and a name, such as team:crm, or an e-mail address")
    return text


Name = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
# A century: days are added to dates, of which there is no end in sight but one in every engine.
Days = Annotated[int, Field(ge=0, le=36_525)]
Owner = Annotated[str, AfterValidator(_owner)]


def _each_once(names: list[str]) -> list[str]:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise ValueError(f"names {', '.join(repeated)} more than once: remove the others")
    return names


# What is done for each of them would be done twice.
EachOnce = AfterValidator(_each_once)


def physical_name(name: str) -> str:
    """The table name of a `Source:Feed`: what is no letter or digit becomes an underscore."""
    return re.sub(r"[^A-Za-z0-9]", "_", name)


class Strict(BaseModel):
    """Unknown keys are errors: a misspelt key must not be ignored silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
