"""Reads a tenant folder: YAML and SQL files into the models, every problem with its file and line.

Which files there are and how they fit their shape is decided here. What must hold between them is
decided by the `check_` modules of this room and of the stages. Others call `configuration`, which
reads and runs all those checks.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from c360_assets.errors import Problem
from c360_assets.tenant.config_check import UnreadTables
from c360_assets.tenant.document import Document
from c360_assets.tenant.files import KINDS
from c360_assets.tenant.folder_name import folder_problem
from c360_assets.tenant.listing import listing_of
from c360_assets.tenant.messages import problems_of
from c360_assets.tenant.models import (
    DEFAULT_TENANT_ID,
    CampaignConfig,
    CustomTable,
    CustomTableConfig,
    DatabaseTableConfig,
    DestinationsConfig,
    FeedConfig,
    MergePolicy,
    SegmentConfig,
    SqlFile,
    StitchConfig,
    Tenant,
    TenantConfig,
    WorkflowConfig,
    physical_name,
)
from c360_assets.tenant.yes_for_numbers import yes_for_numbers

Model = TypeVar("Model", bound=BaseModel)
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]*")
# What a feed's file says of its name, found where the file is no YAML.
NAME_LINE = re.compile(r"^(source|feed): *['\"]?([^'\"#\n]*[^'\"#\s])", re.MULTILINE)


@dataclass(frozen=True)
class TenantFiles:
    """What a tenant folder holds: the tenant as far as it could be read, and what was wrong.

    `tenant` is None where there is no tenant. A file that does not fit its shape is left out: its
    tables are `unread`, and settings keep their defaults.
    """

    tenant: Tenant | None
    unread: UnreadTables
    problems: list[Problem]


def read_files(root: Path, known_id: str = "") -> TenantFiles:
    """Read the folder `root`. Raises nothing: all that is wrong is among the problems.

    `known_id` is the one that the tenant has had so far: where it is gone, it is to be put back.
    """
    problem_of_folder = folder_problem(root)
    if problem_of_folder:
        return TenantFiles(
            None, UnreadTables(), [Problem("error", "tenant.yaml", problem_of_folder)]
        )
    if not (root / "tenant.yaml").exists() and not (root / "feeds").is_dir():
        problem = Problem(
            "error",
            "tenant.yaml",
            "there is no tenant here",
            remedy=f"start one with `c360 init {root}`",
        )
        return TenantFiles(None, UnreadTables(), [problem])
    return _Reader(root, known_id or str(uuid4())).read()


@dataclass
class _Reader:
    root: Path
    its_id: str
    problems: list[Problem] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    unread_names: set[str] = field(default_factory=set)
    nameless: bool = False
    closed: set[str] = field(default_factory=set)

    def read(self) -> TenantFiles:
        config = self._tenant_config()
        destinations = self._optional("destinations.yaml", DestinationsConfig)
        tenant = Tenant(
            root=self.root,
            config=config,
            feeds=self._feeds(),
            custom_tables=self._custom_tables(),
            stitch=self._optional("stitch.yaml", StitchConfig),
            merge_policy=self._optional("merge_policy.yaml", MergePolicy),
            workflow=self._optional("workflow.yaml", WorkflowConfig),
            merge_policies=self._merge_policies(config),
            database_sql=self._sql("database"),
            database_yaml=self._database_yaml(),
            destinations=destinations.destinations,
            segments=self._named_files("segments", "segment", SegmentConfig),
            segment_sql=self._sql("segments"),
            campaigns=self._named_files("campaigns", "campaign", CampaignConfig),
            files=self.files,
            places=self.places,
        )
        unread = UnreadTables(frozenset(self.unread_names), self.nameless)
        return TenantFiles(tenant, unread, self.problems)

    def _error(
        self,
        file: str,
        message: str,
        line: int | None = None,
        key: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problems.append(Problem("error", file, message, line, key, remedy))

    def _warning(self, file: str, message: str, remedy: str) -> None:
        self.problems.append(Problem("warning", file, message, remedy=remedy))

    def _file(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _text(self, path: Path) -> str | None:
        file = self._file(path)
        try:
            kind = KINDS.get(stat.S_IFMT(path.stat().st_mode))
            if kind is not None:  # to open a pipe would wait for ever
                self._error(file, f"is {kind}", remedy="put a file in its place")
                return None
            text = path.read_text("utf-8-sig")
        except UnicodeDecodeError:
            self._error(file, "is not UTF-8 text", remedy="save it as UTF-8")
            return None
        except OSError as error:
            self._error(file, f"cannot be read ({error.strerror})")
            return None
        self.files[file] = text
        return text

    def _document(self, path: Path) -> Document | None:
        text = self._text(path)
        if text is None:
            return None
        document = Document.parse(text, self._file(path))
        self.problems += document.problems
        return None if document.problems else document

    def _fit(self, document: Document, model: type[Model]) -> Model | None:
        data = {} if document.data is None else document.data
        try:
            fitted = model.model_validate(data)
        except ValidationError as error:
            self.problems += problems_of(error, model, document)
            return None
        slips = list(yes_for_numbers(document, fitted))
        self.problems += slips
        return None if slips else fitted

    def _model(self, path: Path, model: type[Model]) -> Model | None:
        document = self._document(path)
        return None if document is None else self._fit(document, model)

    def _optional(self, name: str, model: type[Model]) -> Model:
        """The settings of a file; their defaults where it is absent or does not fit."""
        path = self.root / name
        # A link that leads nowhere is there, and must not count as taken out.
        settings = self._model(path, model) if os.path.lexists(path) else None
        return model() if settings is None else settings

    def _tenant_config(self) -> TenantConfig:
        path = self.root / "tenant.yaml"
        config = None
        if os.path.lexists(path):
            document = self._document(path)
            if document is not None:
                config = self._fit(self._with_id(document), TenantConfig)
        else:
            message = (
                "is absent: defaults are used, "
                "and ids are derived from a namespace shared by all such tenants"
            )
            remedy = f"before ids are handed out, add one with a line `id: {self.its_id}`"
            self._warning("tenant.yaml", message, remedy)
        return config or TenantConfig(id=DEFAULT_TENANT_ID)

    def _with_id(self, document: Document) -> Document:
        """The document with an id in any case: a missing one must not hide what else is wrong."""
        data: Any = {} if document.data is None else document.data
        if not isinstance(data, dict) or "id" in data:
            return document
        remedy = f"add a line `id: {self.its_id}` and never change it"
        self._error("tenant.yaml", "is missing and must be given", 1, "id", remedy)
        return Document(document.file, {**data, "id": str(DEFAULT_TENANT_ID)}, document.root)

    def _yaml_files(self, folder: str) -> list[Path]:
        """YAML files below `folder` in path order, hidden ones left out.

        Files that are easily taken for one, such as `.yml`, get a warning.
        """
        self._refuse_closed(folder)
        self._refuse_odd(folder)
        below = [path for path in (self.root / folder).rglob("*") if path.is_file()]
        shown = sorted(path for path in below if not path.name.startswith("."))
        for path in shown:
            read_suffix = _read_suffix(path.suffix)
            if read_suffix is not None:
                remedy = f"rename it to {path.stem}{read_suffix}"
                self._warning(self._file(path), "is not read", remedy)
        return [path for path in shown if path.suffix == ".yaml"]

    def _refuse_closed(self, folder: str) -> None:
        """A file that is not seen would count as taken out, and its table as not wanted."""
        for path in listing_of(self.root, folder).closed:
            if path not in self.closed:
                self.closed.add(path)
                self.nameless = True
                remedy = "give this user the rights to read and enter it"
                self._error(path, "is a folder that may not be looked into", remedy=remedy)

    def _refuse_odd(self, folder: str) -> None:
        """A link that leads nowhere, or a folder by the name of a file, likewise."""
        for path in sorted((self.root / folder).rglob("*.yaml")):
            if not path.is_file() and not path.name.startswith("."):
                self.nameless = True
                remedy = "put the file there, or remove what is there"
                self._error(self._file(path), "is no file that can be read", remedy=remedy)

    def _feeds(self) -> list[FeedConfig]:
        feeds: dict[str, FeedConfig] = {}
        for path in self._yaml_files("feeds"):
            file = self._file(path)
            feed = self._model(path, FeedConfig)
            if feed is None:
                self._leave_out_feed(file)
            elif feed.name in feeds:
                line = Document.parse(self.files[file], file).line("feed")
                message = f"{feed.name} is declared already in {self.places[feed.name]}"
                self._error(file, message, line, "feed", "give it another name")
            else:
                feeds[feed.name] = feed
                self.places[feed.name] = file
        return list(feeds.values())

    def _leave_out_feed(self, file: str) -> None:
        """Note the feed as unread, by the name that its text gives."""
        parts = dict(NAME_LINE.findall(self.files.get(file, "")))
        if parts.keys() == {"source", "feed"}:
            name = f"{parts['source']}:{parts['feed']}"
            self.unread_names |= {name, physical_name(name)}
        else:
            self.nameless = True

    def _sql(self, folder: str) -> dict[str, SqlFile]:
        sql_files = {}
        for path in sorted((self.root / folder).glob("*.sql")):
            file = self._file(path)
            text = self._text(path)
            if text is None:
                self.unread_names.add(path.stem)
            elif not IDENTIFIER.fullmatch(path.stem):
                message = "a table's name has letters, digits and underscores only"
                self._error(file, message, remedy="rename the file")
            elif not text.strip():
                self._error(file, "is empty", remedy="write one SELECT")
                self.unread_names.add(path.stem)
            else:
                sql_files[path.stem] = SqlFile(path.stem, path, text)
        return sql_files

    def _custom_tables(self) -> list[CustomTable]:
        sql_files = self._sql("domain_tables")
        declared = {path.stem: path for path in self._yaml_files("domain_tables")}
        tables = []
        for name, path in declared.items():
            config = self._model(path, CustomTableConfig)
            sql = sql_files.get(name)
            if config is not None and sql is not None:
                tables.append(CustomTable(name, config, sql))
                self.places[name] = self._file(path)
                continue
            self.unread_names.add(name)
            if not (self.root / "domain_tables" / f"{name}.sql").exists():
                remedy = "write the SELECT that builds the table"
                self._error(self._file(path), f"has no {name}.sql beside it", remedy=remedy)
        for name in sorted(sql_files.keys() - declared.keys()):
            self.unread_names.add(name)
            remedy = "declare at least its primary_key there"
            file = f"domain_tables/{name}.sql"
            self._error(file, f"has no {name}.yaml beside it", remedy=remedy)
        return tables

    def _merge_policies(self, config: TenantConfig) -> dict[str, MergePolicy]:
        """File name -> policy of the databases that name a file of their own."""
        policies: dict[str, MergePolicy] = {}
        for database, settings in config.databases.items():
            name = settings.merge_policy
            if name is None or name in policies:
                continue
            if Path(name).name != name or not (self.root / name).is_file():
                path = ("databases", database, "merge_policy")
                text = self.files.get("tenant.yaml", "")
                line = Document.parse(text, "tenant.yaml").line(*path)
                message = "names a file that is not in the tenant folder"
                self._error("tenant.yaml", message, line, ".".join(path))
                continue
            policy = self._model(self.root / name, MergePolicy)
            if policy is not None:
                policies[name] = policy
        return policies

    def _database_yaml(self) -> dict[str, DatabaseTableConfig]:
        configs: dict[str, DatabaseTableConfig] = {}
        for path in self._yaml_files("database"):
            # What lies deeper, in drafts/, is not in force.
            if path.parent != self.root / "database":
                continue
            config = self._model(path, DatabaseTableConfig)
            if config is not None:
                configs[path.stem] = config
        return configs

    def _named_files(self, folder: str, kind: str, model: type[Model]) -> dict[str, Model]:
        """Name -> declaration of segments or campaigns: each is called as its file, in whatever
        folder below."""
        declared: dict[str, Model] = {}
        for path in self._yaml_files(folder):
            name = path.stem
            file = self._file(path)
            config = self._model(path, model)
            place = self.places.setdefault(f"{kind} {name}", file)
            if not PLAIN_NAME.fullmatch(name):
                message = f"a {kind}'s name has small letters, digits and underscores only"
                self._error(file, message, remedy="rename the file")
            elif place != file:
                message = f"there is a {kind} {name} already, in {place}"
                self._error(file, message, remedy="rename the file")
            elif config is not None:
                declared[name] = config
        return declared


def _read_suffix(suffix: str) -> str | None:
    """The suffix to rename a file to so that it is read, None where nobody takes it for one."""
    if suffix == ".yml":
        return ".yaml"
    lower_case = suffix.lower()
    if lower_case in {".yaml", ".sql"} and suffix != lower_case:
        return lower_case
    return None
