"""Loads what is pending in the tenant folder given, after saying so: the process that the tests
kill.
"""

from __future__ import annotations

import sys
from pathlib import Path

from c360_assets_tests.ingest.tenants import feed_of, load, tenant_of

if __name__ == "__main__":
    feed = feed_of()
    tenant = tenant_of(Path(sys.argv[1]), feed)
    print("ready", flush=True)
    load(tenant, feed)
    print("done", flush=True)
