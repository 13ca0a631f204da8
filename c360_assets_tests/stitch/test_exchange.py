"""What the matcher finds does not depend on where rows lie: with 3 or 16 buckets, of which no
kernel sees more than its verb promises, every frame is that of one bucket."""

from __future__ import annotations

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_assets.semantics.countries import Home
from c360_assets.stitch import stitch
from c360_assets.stitch.exchange.aside import set_aside
from c360_assets.stitch.exchange.in_process import InProcess
from c360_assets.stitch.exchange.rows import Side, bucket_of, rows_of
from c360_assets.stitch.prepare.preprocessing import preprocess
from c360_assets.stitch.prepare.trivial_duplicates import collapse, representatives
from c360_assets.stitch.resolve import Resolution, resolve
from c360_assets.tenant.models import BadValuesConfig, StitchConfig
from c360_assets_tests.stitch.retail import retail
from c360_assets_tests.stitch.test_match_model import population

FRAMES = ("clusters", "pairs", "records", "strategies", "model", "decisions", "household")
FACTS = ("used", "drift", "warnings", "quality", "figures")
PRESETS = {
    "default": {},
    "documented": {
        "blocking": {"preset": "documented", "oversized": "purge"},
        "clustering": {"algorithm": "hierarchical"},
    },
    "parted": {
        "blocking": {"limit": 5},
        "clustering": {"supersized": {"min_size": 4}},
        "outputs": {"stitch_scores": "all"},
    },
}


class Distant(InProcess):
    """Sets rows aside, as a cluster does."""

    def set_aside(self, frame: pl.DataFrame) -> pl.DataFrame:
        return set_aside(frame, None)


def assert_equal(one: Resolution, other: Resolution) -> None:
    for name in FRAMES:
        assert getattr(one, name).equals(getattr(other, name)), name
    for name in FACTS:
        assert getattr(one, name) == getattr(other, name), name


def tenant(persons: int, seed: int) -> pl.DataFrame:
    """People in homes, a card that some homes share, and a key that holds records apart."""
    frame = population(persons, seed, household=True)
    number = pl.int_range(pl.len())
    return frame.with_columns(
        datasource=pl.when(number % 3 == 0).then(pl.lit("a")).otherwise(pl.lit("b")),
        fk_card=pl.when(number % 5 == 0).then((number // 10).cast(pl.String)),
        sk_line=pl.when(number % 4 == 0).then((number % 8).cast(pl.String)),
    )


def labels(frame: pl.DataFrame) -> pl.DataFrame:
    """Records 0 and 1 are two, whatever they hold; 0 and the last one are one, which never met."""
    last = frame["rid"].max()
    return pl.DataFrame({"rid1": [0, 0], "rid2": [1, last], "same": [False, True]})


@settings(max_examples=3, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(sorted(PRESETS)),
    st.sampled_from([1, 20]),
    st.booleans(),
)
def test_buckets_change_nothing_about_small_tenants(
    seed: int, preset: str, persons: int, labelled: bool
) -> None:
    frame = tenant(persons, seed)
    config = StitchConfig.model_validate(PRESETS[preset])
    decided = labels(frame) if labelled and persons > 1 else None
    with duckdb.connect() as con:
        expected = resolve(frame, config, labels=decided, con=con)
        found = resolve(
            frame.sample(fraction=1, shuffle=True, seed=seed),
            config,
            labels=decided,
            con=con,
            exchange=Distant(con, 3),
        )
    assert_equal(expected, found)


@pytest.mark.long
def test_buckets_change_nothing_about_a_tenant_with_a_kept_model() -> None:
    frame = tenant(60, 5)
    with duckdb.connect() as con:
        first = resolve(frame, con=con)
        assert_equal(first, resolve(frame, con=con, exchange=InProcess(con, 16)))
        kept = resolve(frame, con=con, model=first.model)
        bucketed = resolve(frame, con=con, model=first.model, exchange=InProcess(con, 3))
    assert_equal(kept, bucketed)


def test_one_surname_and_one_city_of_all_records_change_nothing() -> None:
    hot = {"surname": "Nguyen", "city": "Town", "postal": "12345"}
    frame = tenant(60, 7).with_columns(pl.lit(value).alias(name) for name, value in hot.items())
    with duckdb.connect() as con:
        expected = resolve(frame, con=con)
        assert_equal(expected, resolve(frame, con=con, exchange=InProcess(con, 16)))
    assert expected.pairs.height


def landed(persons: int, seed: int) -> pl.DataFrame:
    """Records with all that preprocessing finds by counting: an e-mail and a till's number that
    many people hold, a card that strangers share, and a company that is the e-mail again. Some are
    there twice, of these some with a name and a town alone."""
    records = retail(persons, seed).drop("person").with_row_index("n")
    n = pl.col("n")
    of_place = pl.col("email", "phone", "address", "birthdate")
    records = records.with_columns(pl.when(n % 2 == 0).then(of_place))
    again = records.gather_every(3).with_columns(pk=pl.concat_str("pk", pl.lit("x")))
    records = pl.concat([records, again])
    email = pl.when(n % 7 == 0).then(pl.lit("adams@mail.example")).otherwise("email")
    return records.with_columns(
        email=pl.when(n % 4 == 0).then(pl.concat_str(email, pl.lit(",none"))).otherwise(email),
        company=pl.when(pl.col("datasource") == "Shop:Customers").then("email"),
        country=pl.when(n % 3 == 0).then(pl.lit("Germany")),
        full_name=pl.when(n % 5 == 0).then(pl.lit("Zoe")),
        fk_card=pl.when(n % 2 == 0).then((n // 6).cast(pl.String)),
        fk_till=pl.when(n % 3 == 0).then(pl.lit("T1")),
    ).drop("n")


COUNTED = {
    "rules": [
        {"semantic": "email", "proxy": "given-name", "threshold": 3},
        {"semantic": "address", "proxy": "email", "threshold": 1},
        {"semantic": "fk-till", "proxy": "surname", "threshold": 3},
    ]
}


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([3, 16]), st.booleans())
def test_buckets_change_nothing_about_preprocessing(seed: int, buckets: int, abroad: bool) -> None:
    records = landed(60, seed)
    config = BadValuesConfig.model_validate(COUNTED)
    home = Home("GB", "GB") if abroad else None
    with duckdb.connect() as con:
        one, several = (
            preprocess(records, config, home=home, contradicting_keys=True, exchange=exchange)
            for exchange in (InProcess(con), InProcess(con, buckets))
        )
        assert {"email", "fk-till"} <= {*one.taken_out.badvalues["semantic"]}
        assert one.taken_out.warnings == several.taken_out.warnings != []
        for name in ("removed", "flags", "badvalues"):
            assert getattr(one.taken_out, name).equals(getattr(several.taken_out, name)), name
        assert one.frame.equals(several.frame)
        expected, found = (
            collapse(clean, size_threshold=1, exclusions=["email"]) for clean in (one, several)
        )
        assert (expected.hard != one.keys["rid"]).sum() > 10
        assert expected.rep.equals(found.rep)
        assert expected.hard.equals(found.hard)
        gathered = [
            representatives(clean, clean.select("fk_card", "fk_till").with_columns(expected.rep))
            for clean in (one, several)
        ]
        assert gathered[0].equals(gathered[1])


@pytest.mark.slow
@pytest.mark.parametrize("buckets", [3, 16])
def test_buckets_change_no_table_of_a_generated_tenant(buckets: int) -> None:
    records = retail(15_000, seed=9).drop("person")
    with duckdb.connect() as con:
        expected = stitch(records, con=con).tables
        found = stitch(records, con=con, exchange=Distant(con, buckets)).tables
        for name in expected:
            assert expected[name].equals(found[name]), name


def test_rows_fall_into_buckets_by_their_key_alone() -> None:
    keys = pl.DataFrame({"key": [0, 1, 2, 3, 2**62, 2**63 - 1]})
    of_keys = bucket_of(keys, pl.col("key"), 7).tolist()
    unsigned = keys.with_columns(pl.col("key").cast(pl.UInt64)).reverse()
    assert bucket_of(unsigned, pl.col("key"), 7).tolist() == of_keys[::-1]
    many = pl.DataFrame({"key": range(10_000)})
    counts = pl.Series(bucket_of(many, pl.col("key"), 16)).value_counts()["count"]
    assert counts.len() == 16
    assert min(counts) > 500


def test_records_are_found_by_number_where_only_some_are_there() -> None:
    known = pl.Series([2, 5, 9], dtype=pl.Int32).to_numpy()
    assert rows_of(known, pl.Series([9, 2]).to_numpy()).tolist() == [2, 0]
    everyone = pl.Series(range(3), dtype=pl.Int32).to_numpy()
    assert rows_of(everyone, pl.Series([2, 0]).to_numpy()).tolist() == [2, 0]


def test_beside_pairs_are_the_records_that_they_name_and_no_others() -> None:
    def seen(_con: duckdb.DuckDBPyConnection, pairs: Side, records: Side) -> pl.DataFrame:
        named = {*pairs.frame["i"], *pairs.frame["j"]}
        assert records.frame["i"].to_list() == sorted(named)
        return pairs.frame.with_columns(at=pl.lit(rows_of(records.array("i"), pairs.array("j"))))

    pairs = pl.DataFrame({"i": [0, 0, 4, 6], "j": [9, 4, 9, 7]})
    with duckdb.connect() as con:
        exchange = InProcess(con, 3)
        records = exchange.spread(pl.DataFrame({"i": range(10)}))
        rows = exchange.spread(pairs).beside(records, seen).collect(("i", "j"))
    assert rows.select("i", "j").rows() == sorted(pairs.rows())


def test_rows_of_one_key_meet_whichever_kernel_made_them() -> None:
    def remainder(_con: duckdb.DuckDBPyConnection, rows: Side) -> pl.DataFrame:
        return rows.frame.select("n", key=pl.col("n") % 5)

    def parity(_con: duckdb.DuckDBPyConnection, rows: Side) -> pl.DataFrame:
        return rows.frame.select("n", key=pl.col("n") % 2 + 10)

    def summed(_con: duckdb.DuckDBPyConnection, rows: Side) -> pl.DataFrame:
        return rows.frame.group_by("key").agg(pl.col("n").sum())

    for buckets in (1, 3):
        with duckdb.connect() as con:
            rows = InProcess(con, buckets).spread(pl.DataFrame({"n": range(10)}))
            met = rows.together(pl.col("key"), summed, each=[remainder, parity])
            assert met.collect(["key"]).rows() == [
                (0, 5),
                (1, 7),
                (2, 9),
                (3, 11),
                (4, 13),
                (10, 20),
                (11, 25),
            ]
