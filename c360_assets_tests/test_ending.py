"""The end of a process: nothing is lost, and nothing is taken apart for nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BEFORE = """
import atexit, sys, threading, time
from c360_assets.cli.ending import end_at_once

class Part:
    def __del__(self):
        print("apart", end=" ")

part = Part()
atexit.register(lambda: print("registered", end=" "))
print("printed", end=" ")
"""
WORK = """
def work():
    time.sleep(0.5)
    print("worked", end=" ")

threading.Thread(target=work).start()
"""


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        ("end_at_once(3)", 3, "printed registered"),
        ("end_at_once(None)", 0, "printed registered"),
        # Of these Python's own end is asked for, which a SystemExit leads to.
        ("end_at_once('why'); sys.exit('why')", 1, "printed registered apart"),
        (f"{WORK}end_at_once(3); sys.exit(3)", 3, "printed worked registered apart"),
    ],
)
def test_what_a_process_does_at_its_end(end: str, code: int, said: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", BEFORE + end], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout.strip()) == (code, said)


def test_a_reader_that_hangs_up_is_told_by_python() -> None:
    ended = [
        _code_without_reader(f"print('lost'); {end}")
        for end in ("sys.exit(0)", "end_at_once(0); sys.exit(0)")
    ]
    assert ended == [120, 120]


def _code_without_reader(program: str) -> int:
    reading, writing = os.pipe()
    os.close(reading)
    imports = "import sys; from c360_assets.cli.ending import end_at_once; "
    with os.fdopen(writing, "wb") as pipe:
        return subprocess.run(
            [sys.executable, "-c", imports + program],
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
            check=False,
        ).returncode


STREAMS = """
import os, sys
from c360_assets.cli.ending import open_closed_streams
open_closed_streams()
file = open(sys.argv[1], "w")
print("printed")
sys.stdout.flush()
os.write(1, b"written")
sys.exit(0 if file.fileno() > 2 else 3)
"""


def test_a_file_does_not_take_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    file = tmp_path / "file"
    shell = 'exec "$0" -c "$1" "$2" <&- >&- 2>&-'
    ended = subprocess.run(["sh", "-c", shell, sys.executable, STREAMS, str(file)], check=False)
    assert (ended.returncode, file.read_text()) == (0, "")


@pytest.mark.parametrize("arguments", [["--help"], ["tags"], ["--version"]])
def test_a_full_disk_under_standard_output_is_one_sentence(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "c360_assets.cli", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode in (1, 120)
    first, *others = ended.stderr.splitlines()
    assert "the disk is full: make room" in first
    assert "Traceback" not in "".join(others)


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("utf-8", "1 → 2 ü"),
        ("latin-1", "1 \\u2192 2 ü"),
        ("ascii:surrogateescape", "1 \\u2192 2 \\xfc"),  # the locale C
    ],
)
def test_a_sign_that_a_locale_lacks_stops_nobody(encoding: str, printed: str) -> None:
    program = "from c360_assets.cli.ending import print_any_sign as f; f(); print('1 → 2 ü')"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert (ended.returncode, ended.stdout.decode(encoding.split(":")[0]).strip()) == (0, printed)
