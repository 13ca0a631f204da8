"""What is read of tables: digests of some of their columns, kept beside what is made of them.

A table of which other columns changed is no reason to make anything again: a delivery that says the
same as the day before gives its rows other places, and exports hold columns that nobody reads.
Which columns are read is for the caller to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from c360_assets.warehouse.digest import fingerprint
from c360_assets.warehouse.session import Session
from c360_assets.warehouse.sql import quote_ident

READ = "read"  # figure of a table: by input, the digest of what is read of it, and its basis
Columns = Mapping[str, Sequence[str] | None]  # of each table those that are read, None for all


class ReadDigests:
    """Digests of what `made`, a table of the warehouse, is made from.

    A digest is computed once for each basis: what the input holds, and what decides which columns
    are read.
    """

    def __init__(self, made: str) -> None:
        self._made = made
        self._known: dict[str, str] = {}  # basis -> digest

    def of(
        self,
        session: Session,
        decides: object,
        inputs: Mapping[str, str],
        read: Callable[[], Columns],
    ) -> dict[str, str]:
        """Input -> digest of what is read of it.

        `inputs`: digests of whole tables; `decides`: on what the answer of `read` depends, which is
        asked only where a digest is not known.
        """
        self._known |= self._kept(session)
        bases = _bases(decides, inputs)
        if not all(basis in self._known for basis in bases.values()):
            columns = read()
            for table, basis in bases.items():
                if basis not in self._known:
                    self._known[basis] = _digest_of(session, table, columns.get(table))
        return {table: self._known[basis] for table, basis in bases.items()}

    def keep(self, session: Session, decides: object, inputs: Mapping[str, str]) -> None:
        """Name with the table that is made what was read of its inputs, so that the next run need
        not read it; those of which it is known."""
        state = session.state(self._made)
        if state is None:
            return
        bases = _bases(decides, inputs)
        read = {
            table: {"of": basis, "digest": self._known[basis]}
            for table, basis in bases.items()
            if basis in self._known
        }
        if state.figures.get(READ) != read:
            figures = {**state.figures, READ: read}
            session.keep(self._made, fingerprint=state.fingerprint, figures=figures)

    def _kept(self, session: Session) -> dict[str, str]:
        state = session.state(self._made)
        kept = state.figures.get(READ, {}) if state is not None else {}
        return {item["of"]: item["digest"] for item in kept.values()}


def _bases(decides: object, inputs: Mapping[str, str]) -> dict[str, str]:
    # The digest of a table tells its columns too.
    return {table: fingerprint(decides, table, digest) for table, digest in inputs.items()}


def _digest_of(session: Session, table: str, columns: Sequence[str] | None) -> str:
    """Digest of the rows of a table in some of its columns; of its content where all are read."""
    state = session.built(table)
    if columns is None or len(columns) == len(state.columns):
        return state.digest
    session.bind(table, "_c360_read")
    names = ", ".join(quote_ident(column) for column in columns) or "1 AS one"
    return session.digest(f"SELECT {names} FROM _c360_read")
