"""Reads a tenant folder: YAML and SQL files into the models, every problem collected with its file and line.

Which files there are and how they fit their shape is decided here; what must hold between them is `check`'s.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from c360_assets.errors import ConfigError, Problem
from c360_assets.tenant.check import lint
from c360_assets.tenant.document import Document
from c360_assets.tenant.messages import problems_of
from c360_assets.tenant.models import (
    DEFAULT_TENANT_ID,
    CustomTable,
    CustomTableConfig,
    DatabaseTableConfig,
    DestinationsConfig,
    FeedConfig,
    MergePolicy,
    SqlFile,
    StitchConfig,
    Tenant,
    TenantConfig,
    WorkflowConfig,
)

Model = TypeVar("Model", bound=BaseModel)
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def load_tenant(root: Path) -> Tenant:
    """The tenant that the folder `root` declares. Raises ConfigError with all errors at once; warnings are not told."""
    tenant, problems = read_tenant(root)
    if tenant is None or any(p.severity == "error" for p in problems):
        raise ConfigError(problems)
    return tenant


def read_tenant(root: Path) -> tuple[Tenant | None, list[Problem]]:
    """The tenant and all errors and warnings about it, in file and line order; None when a file does not fit its shape."""
    reader = _Reader(root)
    tenant = reader.read()
    problems = reader.problems + (
        lint(tenant, complete=reader.complete) if tenant is not None else []
    )
    unique = list(dict.fromkeys(problems))
    return (tenant if reader.complete else None), sorted(
        unique, key=lambda p: (p.file, p.line or 0)
    )


class _Reader:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self.files: dict[str, str] = {}
        self.places: dict[str, str] = {}
        self.complete = False

    def read(self) -> Tenant | None:
        if not self.root.is_dir() or not (
            (self.root / "tenant.yaml").exists() or (self.root / "feeds").is_dir()
        ):
            self._problem(
                "error",
                "tenant.yaml",
                "there is no tenant here",
                remedy=f"start one with `c360 init {self.root}`",
            )
            return None
        config = self._tenant()
        stitch = self._optional("stitch.yaml", StitchConfig)
        merge_policy = self._optional("merge_policy.yaml", MergePolicy)
        workflow = self._optional("workflow.yaml", WorkflowConfig)
        destinations = self._optional("destinations.yaml", DestinationsConfig)
        feeds = self._feeds()
        custom = self._custom_tables()
        policies = self._merge_policies(config)
        database_sql, database_yaml = self._database()
        self.complete = not any(p.severity == "error" for p in self.problems)
        return Tenant(
            root=self.root,
            config=config or TenantConfig(id=DEFAULT_TENANT_ID),
            feeds=feeds,
            custom_tables=custom,
            stitch=stitch or StitchConfig(),
            merge_policy=merge_policy or MergePolicy(),
            workflow=workflow or WorkflowConfig(),
            merge_policies=policies,
            database_sql=database_sql,
            database_yaml=database_yaml,
            destinations=destinations.destinations if destinations else {},
            files=self.files,
            places=self.places,
        )

    def _problem(
        self,
        severity: str,
        file: str,
        message: str,
        line: int | None = None,
        key: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problems.append(
            Problem("error" if severity == "error" else "warning", file, message, line, key, remedy)
        )

    def _text(self, path: Path) -> str | None:
        file = path.relative_to(self.root).as_posix()
        try:
            text = path.read_text("utf-8-sig")
        except UnicodeDecodeError:
            self._problem("error", file, "is not UTF-8 text", remedy="save it as UTF-8")
            return None
        except OSError as error:
            self._problem("error", file, f"cannot be read ({error.strerror})")
            return None
        self.files[file] = text
        return text

    def _document(self, path: Path) -> Document | None:
        text = self._text(path)
        if text is None:
            return None
        document = Document.parse(text, path.relative_to(self.root).as_posix())
        self.problems += document.problems
        return None if document.problems else document

    def _fit(self, document: Document, model: type[Model]) -> Model | None:
        try:
            return model.model_validate(document.data if document.data is not None else {})
        except ValidationError as error:
            self.problems += problems_of(error, model, document)
            return None

    def _model(self, path: Path, model: type[Model]) -> Model | None:
        document = self._document(path)
        return None if document is None else self._fit(document, model)

    def _optional(self, name: str, model: type[Model]) -> Model | None:
        path = self.root / name
        return self._model(path, model) if path.exists() else model()

    def _tenant(self) -> TenantConfig | None:
        path = self.root / "tenant.yaml"
        if not path.exists():
            self._problem(
                "warning",
                "tenant.yaml",
                "is absent: defaults are used, and ids are derived from a namespace shared by all such tenants",
                remedy=f"before ids are handed out, add one with a line `id: {uuid4()}`",
            )
            return TenantConfig(id=DEFAULT_TENANT_ID)
        document = self._document(path)
        if document is None:
            return None
        if document.data is None or (isinstance(document.data, dict) and "id" not in document.data):
            self._problem(
                "error",
                "tenant.yaml",
                "is missing and must be given",
                1,
                "id",
                f"add a line `id: {uuid4()}` and never change it",
            )
            rest = {**(document.data or {}), "id": str(DEFAULT_TENANT_ID)}
            return self._fit(Document(document.file, rest, document.root), TenantConfig)
        return self._fit(document, TenantConfig)

    def _yaml_files(self, folder: str) -> list[Path]:
        """YAML files below `folder`, hidden ones left out, in path order; tells of files that are easily taken for one."""
        below = sorted(
            p for p in (self.root / folder).rglob("*") if p.is_file() and not p.name.startswith(".")
        )
        for path in below:
            if path.suffix == ".yml" or (
                path.suffix.lower() in {".yaml", ".sql"} and path.suffix != path.suffix.lower()
            ):
                file = path.relative_to(self.root).as_posix()
                self._problem(
                    "warning",
                    file,
                    "is not read",
                    remedy=f"rename it to {path.stem}{'.yaml' if path.suffix == '.yml' else path.suffix.lower()}",
                )
        return [p for p in below if p.suffix == ".yaml"]

    def _feeds(self) -> list[FeedConfig]:
        feeds: dict[str, FeedConfig] = {}
        for path in self._yaml_files("feeds"):
            feed = self._model(path, FeedConfig)
            if feed is None:
                continue
            file = path.relative_to(self.root).as_posix()
            if feed.name in feeds:
                line = Document.parse(self.files[file], file).line("feed")
                self._problem(
                    "error",
                    file,
                    f"{feed.name} is declared already in {self.places[feed.name]}",
                    line,
                    "feed",
                    "give it another name",
                )
                continue
            feeds[feed.name] = feed
            self.places[feed.name] = file
        return list(feeds.values())

    def _sql(self, folder: str) -> dict[str, SqlFile]:
        found = {}
        for path in sorted((self.root / folder).glob("*.sql")):
            file, text = path.relative_to(self.root).as_posix(), self._text(path)
            if text is None:
                continue
            if not IDENTIFIER.fullmatch(path.stem):
                self._problem(
                    "error",
                    file,
                    "a table's name has letters, digits and underscores only",
                    remedy="rename the file",
                )
            elif not text.strip():
                self._problem("error", file, "is empty", remedy="write one SELECT")
            else:
                found[path.stem] = SqlFile(path.stem, path, text)
        return found

    def _custom_tables(self) -> list[CustomTable]:
        sql = self._sql("domain_tables")
        tables = []
        declared = {path.stem: path for path in self._yaml_files("domain_tables")}
        for name, path in declared.items():
            file = path.relative_to(self.root).as_posix()
            config = self._model(path, CustomTableConfig)
            if name not in sql:
                if f"domain_tables/{name}.sql" not in self.files:
                    self._problem(
                        "error",
                        file,
                        f"has no {name}.sql beside it",
                        remedy="write the SELECT that builds the table",
                    )
            elif config is not None:
                tables.append(CustomTable(name, config, sql[name]))
                self.places[name] = file
        for name in sorted(sql.keys() - declared.keys()):
            self._problem(
                "error",
                f"domain_tables/{name}.sql",
                f"has no {name}.yaml beside it",
                remedy="declare at least its primary_key there",
            )
        return tables

    def _merge_policies(self, config: TenantConfig | None) -> dict[str, MergePolicy]:
        policies: dict[str, MergePolicy] = {}
        for database, item in config.databases.items() if config else ():
            name = item.merge_policy
            if name is None or name in policies:
                continue
            line = Document.parse(self.files.get("tenant.yaml", ""), "tenant.yaml").line(
                "databases", database, "merge_policy"
            )
            if Path(name).name != name or not (self.root / name).is_file():
                self._problem(
                    "error",
                    "tenant.yaml",
                    "names a file that is not in the tenant folder",
                    line,
                    f"databases.{database}.merge_policy",
                )
            elif (policy := self._model(self.root / name, MergePolicy)) is not None:
                policies[name] = policy
        return policies

    def _database(self) -> tuple[dict[str, SqlFile], dict[str, DatabaseTableConfig]]:
        sql = self._sql("database")
        told: dict[str, DatabaseTableConfig] = {}
        for path in self._yaml_files("database"):
            # What lies deeper, in drafts/, is not in force.
            if (
                path.parent == self.root / "database"
                and (config := self._model(path, DatabaseTableConfig)) is not None
            ):
                told[path.stem] = config
        return sql, told
