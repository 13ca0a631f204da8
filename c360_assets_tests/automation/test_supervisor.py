"""A service that is stopped while it starts: no trace of an error, and no process left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from c360_assets.warehouse.processes import is_alive, process_identity

# Stands still where `c360 ui` waits for its code location.
STARTING = '''
import signal, sys, time
from c360_assets.automation.supervisor import Part, supervise

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which `nohup` leaves ignored

SLOW = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
print(os.getpid(), flush=True)
time.sleep(60)
"""
supervise(Part("slow", [sys.executable, "-c", SLOW]), [], lambda: time.sleep(60), print)
'''


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_a_slow_start_ends_all_quietly(number: signal.Signals) -> None:
    """To the whole group, as a terminal sends Ctrl-C."""
    service = subprocess.Popen(
        [sys.executable, "-c", STARTING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert service.stdout is not None
    slow = process_identity(int(service.stdout.readline()))
    os.killpg(service.pid, number)
    said = service.communicate(timeout=300)
    assert (said, service.returncode) == (("", ""), 0)
    assert not is_alive(slow)
