"""`python -m c360_assets.cli` is `c360`, for where no script is installed."""

from __future__ import annotations

from c360_assets.cli import main

if __name__ == "__main__":
    main()
