"""The search finds a value wherever a file can hide it, and takes it out of files of any kind."""

from __future__ import annotations

import bz2
import gzip
import html
import json
import lzma
import shutil
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import fastavro
import polars as pl
import pyarrow as pa
import pytest

from c360_assets.privacy import search
from c360_assets.privacy.erase_files import erase_file
from c360_assets.privacy.search import Searcher
from c360_assets.privacy.work import Work

VALUE = 'Zoë "Z" O\'Quastenberg & Söhne'
OTHER = "Bo Winterstein"
MAIL = "ann@example.com"


def _plain(path: Path, text: str) -> None:
    path.write_text(f"before {text} after\n{OTHER}\n", "utf-8")


def _json(path: Path, text: str) -> None:
    path.write_text("\n".join(json.dumps({"name": name}) for name in (text, OTHER)))


def _page(path: Path, text: str) -> None:
    path.write_text(f"<p>{html.escape(text)}</p><p>{OTHER}</p>", "utf-8")


def _gzip(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode()))


def _xz(path: Path, text: str) -> None:
    path.write_bytes(lzma.compress(text.encode()))


def _zip(path: Path, text: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.csv", text)


def _utf16(path: Path, text: str) -> None:
    path.write_text(f"before {text} after\n{OTHER}\n", "utf-16")


def _code_page(path: Path, text: str) -> None:
    path.write_bytes(f"before {text} after\n{OTHER}\n".encode("cp1250"))


def _bzip2(path: Path, text: str) -> None:
    path.write_bytes(bz2.compress(text.encode()))


def _zstd(path: Path, text: str) -> None:
    with pa.output_stream(str(path), compression="zstd") as file:
        file.write(f"{text}\n".encode() * 50)


def _zip_of_gzip(path: Path, text: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.csv.gz", gzip.compress(text.encode()))


def _tar_of_parquet(path: Path, text: str) -> None:
    _parquet(path.with_name("inner"), text)
    with tarfile.open(path, "w:gz") as archive:
        archive.add(path.with_name("inner"))
    path.with_name("inner").unlink()


def _avro(path: Path, text: str) -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "name", "type": "string"}]}
    with path.open("wb") as file:
        fastavro.writer(file, schema, [{"name": text}, {"name": OTHER}] * 50, codec="deflate")


def _parquet(path: Path, text: str) -> None:
    names = [text, OTHER] * 500
    pl.DataFrame({"name": names, "parts": [[name] for name in names]}).write_parquet(path)


def _sqlite(path: Path, text: str) -> None:
    with sqlite3.connect(path) as con:
        con.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, body TEXT)")
        con.executemany("INSERT INTO events (body) VALUES (?)", [(f"x {text}",), (OTHER,)])
    con.close()


def _duckdb(path: Path, text: str) -> None:
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE t AS SELECT $1 AS name FROM range(5000)", [text])


KINDS: dict[str, Callable[[Path, str], None]] = {
    "log.txt": _plain,
    "alerts.jsonl": _json,
    "page.html": _page,
    "packed.csv.gz": _gzip,
    "packed.xz": _xz,
    "packed.zip": _zip,
    "utf16.csv": _utf16,
    "code_page.csv": _code_page,
    "packed.bz2": _bzip2,
    "packed.zst": _zstd,
    "nested.zip": _zip_of_gzip,
    "nested.tar.gz": _tar_of_parquet,
    "table.avro": _avro,
    "table.parquet": _parquet,
    "events.db": _sqlite,
    "kept.duckdb": _duckdb,
}


# A row holds one name: what would stand beside it is another row.
ROWS = ("table.parquet", "nested.tar.gz")


@pytest.mark.parametrize("name", KINDS)
def test_found_in_every_kind_of_file(tmp_path: Path, name: str) -> None:
    KINDS[name](tmp_path / name, VALUE)
    KINDS[name](tmp_path / f"other-{name}", "nothing of theirs")
    searched = Searcher([VALUE]).search(sorted(tmp_path.iterdir()))
    assert [path.name for path in searched.finds] == [name]
    assert searched.files == 2


@pytest.mark.parametrize("folder", ["plain", "é #%41 [x]? *"])
def test_found_where_a_page_of_sqlite_ends_within_it(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    files = []
    for before in range(700, 900, 8):
        files.append(tmp_path / folder / f"{before}.db")
        _sqlite(files[-1], "." * before + VALUE + "." * (9000 - before))
    split = [path for path in files if VALUE.encode() not in path.read_bytes()]
    assert split, "the test would prove nothing otherwise"
    assert Searcher([VALUE]).search(files).finds == files
    assert sorted((tmp_path / folder).iterdir()) == sorted(files), "the search leaves nothing"


@pytest.mark.parametrize("name", KINDS)
def test_broken_anywhere_is_searched_as_it_stands(tmp_path: Path, name: str) -> None:
    """Every reader has errors of its own for each place where a file is broken."""
    KINDS[name](tmp_path / name, "nothing of theirs")
    content = (tmp_path / name).read_bytes()
    broken = []
    for place in range(0, len(content), max(1, len(content) // 40)):
        path = tmp_path / f"{place}-{name}"
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        broken.append(path)
    assert not Searcher([VALUE]).search(broken).finds
    broken[-1].write_bytes(broken[-1].read_bytes() + VALUE.encode())
    assert Searcher([VALUE]).search(broken).finds


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("seven.7z", b"7z\xbc\xaf\x27\x1c" + b"\0" * 40),
        ("page.pdf", b"%PDF-1.7\n" + b"\0" * 40),
        ("cut.csv.gz", gzip.compress(b"many rows " * 99)[:-12]),
        ("deep.gz", gzip.compress(gzip.compress(gzip.compress(gzip.compress(gzip.compress(b"")))))),
    ],
)
def test_what_cannot_be_opened_is_told(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    (tmp_path / "beside.csv").write_text("nothing of theirs")
    searcher = Searcher([VALUE])
    searched = searcher.search(sorted(tmp_path.iterdir()))
    assert (searched.finds, searched.unopened) == ([], [path])
    path.write_bytes(b"replaced by one that is read")
    assert not searcher.search([path]).unopened


def test_utf16_in_which_nothing_could_be_replaced_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(f"<p>{MAIL}</p>".encode("utf-16-le"))
    searcher = Searcher([MAIL])
    assert erase_file(path, Work("R", "delete", "exact", ""), searcher) == "removed"
    assert not path.exists()


def test_found_across_the_parts_that_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "CHUNK", 64)
    for start in range(30, 90):
        path = tmp_path / f"{start}"
        path.write_bytes(b"." * start + VALUE.encode() + b"." * 50)
        assert Searcher([VALUE]).is_in(path), start


@pytest.mark.parametrize("name", [name for name in KINDS if name not in ROWS])
def test_a_longer_text_of_somebody_else_is_no_find(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    value, other = "ann@example.com", "joann@example.com.tr"
    searcher = Searcher([value], others=[other])
    KINDS[name](path, other)
    assert not searcher.is_in(path)
    assert Searcher([value]).is_in(path)
    path.unlink()
    KINDS[name](path, f"{other} {value}, {other}")
    assert searcher.is_in(path)


def test_a_longer_text_may_run_over_the_parts_that_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "CHUNK", 32)
    value, other = "ann@example.com", "joann@example.com.tr"
    searcher = Searcher([value], others=[other])
    path = tmp_path / "log.txt"
    for start in range(100):
        path.write_text("." * start + other + "." * 70)
        assert not searcher.is_in(path), start
        path.write_text("." * start + value + "." * 70 + other)
        assert searcher.is_in(path), start


def test_a_longer_text_of_somebody_else_stays_where_a_value_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_text("joann@example.com ann@example.com mary@example.com")
    searcher = Searcher(["ann@example.com"], others=["joann@example.com"])
    work = Work("000001", "delete", "exact", "test", values={"ann@example.com": ""})
    assert erase_file(path, work, searcher) == "rewritten"
    assert path.read_text() == "joann@example.com [forgotten] mary@example.com"


def test_numbers_beside_each_other_in_a_database_are_no_third(tmp_path: Path) -> None:
    path = tmp_path / "kept.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE t AS SELECT unnest(['914795', '414797', '491841']) AS number")
    content = path.read_bytes()
    assert b"914795414797491841" in content, "the test would prove nothing otherwise"
    assert not Searcher(["541479749"]).is_in(path)
    assert Searcher(["414797"]).is_in(path)


ERASED = ["log.txt", "alerts.jsonl", "page.html", "table.parquet", "events.db", "packed.zip"]


@pytest.mark.parametrize("name", ERASED)
def test_taken_out_and_the_rest_stays(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    KINDS[name](path, VALUE)
    work = Work("000001", "delete", "exact", "test", values={VALUE: ""})
    searcher = Searcher([VALUE])
    done = erase_file(path, work, searcher)
    if name == "packed.zip":
        assert (done, path.exists()) == ("removed", False)
        return
    assert done == "rewritten"
    assert not searcher.is_in(path)
    assert Searcher([OTHER]).is_in(path)
    assert erase_file(path, work, searcher) == ""


def test_records_of_a_csv_that_run_over_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f'who,note\n"{OTHER}","two\nlines"\nx,"Quastenberg\nand more"\n', "utf-8")
    work = Work("000001", "delete", "exact", "test", values={"Quastenberg": ""})
    assert erase_file(path, work, Searcher(["Quastenberg"])) == "rewritten"
    assert path.read_text("utf-8") == f'who,note\n{OTHER},"two\nlines"\n'
    assert path.stat().st_mode & 0o777 == 0o600


def test_files_of_sqlite_are_searched_while_it_shortens_them(tmp_path: Path) -> None:
    """Databases whose writer was killed: opening one shortens its files beside, which another
    thread of the search may be reading."""
    for number in range(6):
        live = tmp_path / f"live{number}.db"
        with closing(sqlite3.connect(live)) as con:
            con.execute("PRAGMA journal_mode = wal")
            con.execute("CREATE TABLE t (a TEXT)")
            con.executemany("INSERT INTO t VALUES (?)", [(OTHER * 40,)] * 2000)
            con.commit()
            for suffix in ("", "-wal", "-shm"):
                shutil.copy(f"{live}{suffix}", tmp_path / f"left{number}.db{suffix}")
    searcher = Searcher(f"value{number:06d}@example.com" for number in range(3000))
    for _ in range(10):
        assert searcher.search(sorted(tmp_path.iterdir())).finds == []


def test_a_log_of_sqlite_that_a_program_has_open_goes_into_its_database(tmp_path: Path) -> None:
    """The daemon keeps its files open: from a log that is removed under it the value comes back."""
    path, log = tmp_path / "events.db", tmp_path / "events.db-wal"
    with closing(sqlite3.connect(path)) as con:
        con.execute("PRAGMA journal_mode=WAL")
        con.execute("CREATE TABLE events (body TEXT)")
        con.executemany("INSERT INTO events VALUES (?)", [(f"x {VALUE}",), (OTHER,)])
        con.commit()
        searcher = Searcher([VALUE])
        assert searcher.is_in(log)
        assert erase_file(log, Work("1", "delete", "exact", "test", values={VALUE: ""}), searcher)
        assert not searcher.search([path, log]).finds
        con.execute("INSERT INTO events VALUES ('later')")
        con.commit()
    with closing(sqlite3.connect(path)) as con:
        assert con.execute("SELECT count(*) FROM events").fetchone() == (3,)
    assert not searcher.is_in(path)
