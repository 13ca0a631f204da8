"""The streams of a process of ours, and its end. What a verb ends with belongs to its module."""

from __future__ import annotations

import atexit
import codecs
import io
import os
import sys
import threading


def open_closed_streams() -> None:
    """Give a process that was started without standard streams, as by `c360 run >&-`, streams that
    lead nowhere: the next file it opens would take the place of one, and get what is printed.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Gets the lowest number that is free, which is that of the stream.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def print_any_sign() -> None:
    """Let streams of a locale that lacks a sign, such as latin-1 and an arrow, print its number: a
    run that is done must not fail over its summary."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
            stream.reconfigure(errors="backslashreplace")


def end_at_once(code: object) -> None:
    """End the process with the code of a SystemExit, without taking its objects apart: the system
    takes their memory back, and Python needs a second to look at all that a run has imported.

    What is registered for the end is done, and what was printed is out. Returns where Python is to
    end it: other threads are still at work, the code is a text to print, or a reader has hung up.
    """
    is_text = not (code is None or isinstance(code, int))
    others = [thread for thread in threading.enumerate() if not thread.daemon]
    if is_text or len(others) > 1:
        return
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except (OSError, ValueError):
        return
    os._exit(int(code) if isinstance(code, int) else 0)
