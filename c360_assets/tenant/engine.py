"""`engine` of `tenant.yaml`: where Stitch matches records, and where SQL of tables is computed.

What the setting may say beyond its shape is checked in `check_engine`; what it starts belongs to
`stitch.exchange`, `customer_360.tables.on_spark` and `ingest.custom_on_spark`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from c360_assets.tenant.base_models import Strict

TablesOnSpark: TypeAlias = Literal["none", "shipped", "all"]


class EngineConfig(Strict):
    """`local` is this machine. `spark` is a cluster: `master` starts a classic session on one
    (`local[2]`, `spark://host:7077`), `remote` goes through Spark Connect (`sc://host:15002`).
    `wait`: a duration, after which a run fails whose tasks no worker of the cluster takes up.
    `tables`: which tables the cluster computes too: `none`, the `shipped` ones, which are those of
    the database and of input validations, or `all`, those of the tenant's own SQL and custom domain
    tables too; workers must then find the warehouse in a bucket, or by the same path as this
    machine.

    The tables are the same on every engine, so that a change of it makes nothing anew.
    """

    type: Literal["local", "spark"] = "local"
    master: str | None = None
    remote: str | None = None
    wait: str = "5m"
    tables: TablesOnSpark = "none"

    @property
    def computes_tables(self) -> bool:
        """Whether a cluster computes SQL of tables, and answers input validations."""
        return self.type == "spark" and self.tables != "none"

    @property
    def computes_tenants_sql(self) -> bool:
        """Whether a cluster computes SQL that the tenant wrote."""
        return self.type == "spark" and self.tables == "all"
