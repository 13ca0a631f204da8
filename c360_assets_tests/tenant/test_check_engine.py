"""Checks of `engine` in tenant.yaml: what is refused before a run, what stays on this machine."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from c360_assets.errors import C360Error
from c360_assets.tenant import check_engine
from c360_assets.tenant.models import EngineConfig
from c360_assets.warehouse.cluster_place import refuse_unreachable
from c360_assets_tests.tenant.conftest import Check
from c360_assets_tests.tenant.right_tenant import CUSTOMERS, RIGHT

LINE = RIGHT["tenant.yaml"].count("\n") + 1


def changes(engine: str) -> dict[str, str]:
    return {"tenant.yaml": f"{RIGHT['tenant.yaml']}engine: {engine}\n"}


@pytest.fixture(autouse=True)
def java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine that has Java and every package, whatever this one has. The folder of its Java."""
    home = tmp_path / "jvm"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").touch(0o755)
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setattr(check_engine, "find_spec", lambda package: package)
    monkeypatch.setattr(check_engine, "installed", lambda package: 4)
    return home


@pytest.mark.parametrize(
    ("engine", "key", "words"),
    [
        ("{type: spark}", "engine", "neither is given"),
        (
            "{type: spark, master: 'local[2]', remote: sc://h}",
            "engine",
            "needs exactly one of `master` and `remote`, and both are given",
        ),
        ("{master: 'local[2]'}", "engine.master", "is of an engine of type spark"),
        ("{type: spark, master: local}", "engine.master", "'local' is no address"),
        ("{type: spark, master: sc://h:1}", "engine.master", "'sc://h:1' is no address"),
        ("{type: spark, remote: 'spark://h:7077'}", "engine.remote", "is no address"),
        ("{type: spark, master: 'local[2]', wait: soon}", "engine.wait", "must be a duration"),
        ("{type: local, wait: 5m}", "engine.wait", "is of an engine of type spark"),
        ("{type: local, tables: all}", "engine.tables", "is of an engine of type spark"),
        ("{type: yarn}", "engine.type", "allowed: local, spark"),
    ],
)
def test_what_names_no_one_cluster_is_an_error(
    check: Check, engine: str, key: str, words: str
) -> None:
    (error,) = [problem for problem in check(changes(engine)) if problem.severity == "error"]
    assert (error.file, error.line, error.key) == ("tenant.yaml", LINE, key)
    assert words in str(error)


@pytest.mark.parametrize(
    "engine",
    [
        "{type: spark, master: 'local[2]'}",
        "{type: spark, master: 'spark://head:7077'}",
        "{type: spark, remote: sc://head}",
        "{type: spark, remote: 'sc://head:15002/;use_ssl=true'}",
    ],
)
def test_a_cluster_is_taken_with_the_word_what_stays_on_this_machine(
    check: Check, engine: str
) -> None:
    (warning,) = check(changes(engine))
    assert warning.severity == "warning"
    assert "Spark cleans and matches the records of Shop:Customers;" in warning.message
    assert "this machine, whose memory must hold them, does the rest" in warning.message


def test_executors_that_leave_logs_are_told(check: Check) -> None:
    found = check(changes("{type: spark, master: 'local-cluster[2,1,1024]'}"))
    told = [problem for problem in found if problem.key == "engine.master"]
    assert [problem.severity for problem in told] == ["warning"]
    assert "is for trials on this machine" in told[0].message


def errors(check: Check, engine: str = "{type: spark, master: 'local[2]'}") -> list[str]:
    found = check(changes(engine))
    return [problem.message for problem in found if problem.severity == "error"]


@pytest.mark.parametrize(
    ("release", "words"),
    [
        ('IMPLEMENTOR="x"\nJAVA_VERSION="11.0.2"\n', ["on this machine: ", "is Java 11"]),
        ('JAVA_VERSION="1.8.0_392"\n', ["is Java 8"]),
        ('JAVA_VERSION="17.0.15"\nJAVA_VERSION_DATE="2025-04-15"\n', []),
        ("IMPLEMENTOR=x\n", []),
    ],
)
def test_a_java_that_spark_does_not_start_with_is_refused(
    check: Check, java: Path, release: str, words: list[str]
) -> None:
    (java / "release").write_text(release)
    found = errors(check)
    assert len(found) == bool(words)
    assert all(word in message for message in found for word in words)


def test_a_folder_without_java_and_an_old_spark_are_refused(
    check: Check, java: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java.parent))
    monkeypatch.setattr(check_engine, "installed", lambda package: 3)
    found = errors(check)
    assert found == [
        "needs Spark 4 or later, and pyspark is 3",
        f"needs Java 17 or later on this machine: JAVA_HOME is {java.parent}, where none is",
    ]
    assert errors(check, "{type: spark, remote: sc://head}") == found[:1]


def test_tables_need_a_machine_that_can_ask_where_nothing_is_matched(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_engine, "find_spec", lambda package: None)
    engine = "{type: spark, master: 'local[2]', tables: all}"
    found = check(changes(engine) | {"stitch.yaml": "run: {one_to_one: true}\n"})
    told = [problem.message for problem in found if problem.key == "engine.master"]
    assert told == ["needs the package pyspark, which is not installed"]


NO_TABLE = {"feeds/shop/customers.yaml": CUSTOMERS.replace("stitch: true\n", "")}


@pytest.mark.parametrize(
    ("further", "reason"),
    [
        ({"stitch.yaml": "run: {one_to_one: true}\n"}, "`run.one_to_one` of stitch.yaml matches"),
        (NO_TABLE, "no table has `stitch: true`"),
        (NO_TABLE | {"stitch.yaml": "tables: [Shop:Customers]\n"}, "`tables` of stitch.yaml lists"),
    ],
)
def test_a_cluster_that_is_given_nothing_to_do_is_told_and_needs_no_java(
    check: Check, monkeypatch: pytest.MonkeyPatch, further: dict[str, str], reason: str
) -> None:
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(check_engine, "find_spec", lambda package: None)
    found = check(changes("{type: spark, master: 'local[2]'}") | further)
    (warning,) = [problem for problem in found if problem.key == "engine.type"]
    assert f"nothing runs on Spark, as {reason}" in warning.message


def test_what_stays_on_this_machine_is_counted(check: Check) -> None:
    declared = {
        "domain_tables/Pairs.sql": "SELECT customer_id FROM Shop_Customers\n",
        "domain_tables/Pairs.yaml": "primary_key: [customer_id]\n",
        "database/mine.sql": "SELECT amperity_id FROM customer_360\n",
        "segments/all.yaml": "include: []\n",
    }
    found = check(changes("{type: spark, master: 'local[2]'}") | declared)
    (warning,) = [problem for problem in found if problem.key == "engine.type"]
    counted = "feeds (2), custom domain tables (1), SQL files of the database (1), segments (1)"
    assert counted in warning.message


def test_this_machine_needs_no_word(check: Check) -> None:
    assert check(changes("{type: local}")) == []


def test_without_the_extra_or_java_nothing_is_begun(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(check_engine, "find_spec", lambda package: None)
    found = check(changes("{type: spark, master: 'local[2]'}"))
    errors = [str(problem) for problem in found if problem.severity == "error"]
    assert len(errors) == 2
    assert "needs the package pyspark" in errors[0]
    assert "pip install 'c360-assets[spark]'" in errors[0]
    assert "needs Java 17" in errors[1]


def test_a_cluster_where_nobody_answers_is_refused_at_once() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        engine = EngineConfig(type="spark", remote=f"sc://127.0.0.1:{port}")
        with pytest.raises(C360Error, match=rf"engine.remote: nobody answers at 127.0.0.1:{port}"):
            refuse_unreachable(engine)
        closed.listen()
        refuse_unreachable(engine)
    refuse_unreachable(EngineConfig(type="spark", master="local[2]"))
