"""`engine` of `tenant.yaml`: where Stitch matches records.

What the setting may say beyond its shape is checked in `check_engine`; what it starts belongs to
`stitch.exchange`.
"""

from __future__ import annotations

from typing import Literal

from c360_assets.tenant.base_models import Strict


class EngineConfig(Strict):
    """`local` is this machine. `spark` is a cluster: `master` starts a classic session on one
    (`local[2]`, `spark://host:7077`), `remote` goes through Spark Connect (`sc://host:15002`).
    `wait`: a duration, after which a run fails whose tasks no worker of the cluster takes up.

    The tables are the same on every engine, so that a change of it makes nothing anew.
    """

    type: Literal["local", "spark"] = "local"
    master: str | None = None
    remote: str | None = None
    wait: str = "5m"
