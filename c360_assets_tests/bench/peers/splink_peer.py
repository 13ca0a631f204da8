"""Splink on the prepared records of a parquet file, with settings improved by hand on retail data;
prints seconds and peak MiB.

Run by `bench/stitch.py` with an interpreter that has Splink 5 and nothing of this project.
Settings: term frequencies for names, a nickname level, one comparison for the whole place (apart, a
shared home counts three times), and u of equal e-mails and phones set by hand, falling with the
number of records (measured on random pairs it contains the matches). Loading is not timed.
"""

import contextlib
import logging
import resource
import sys
import time

import numpy as np
import polars as pl
import splink.comparison_level_library as cll
import splink.comparison_library as cl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.internals.exceptions import EMTrainingException

logging.getLogger("splink").setLevel(logging.ERROR)
data = pl.read_parquet(sys.argv[1])
n = data.height


def comparison(column: str, *levels: object) -> cl.CustomComparison:
    return cl.CustomComparison(
        output_column_name=column, comparison_levels=[*levels, cll.ElseLevel()]
    )


def exact(column: str, u: float | None = None) -> object:
    level = cll.ExactMatchLevel(column)
    return (
        level.configure(tf_adjustment_column=column)
        if u is None
        else level.configure(u_probability=u, fix_u_probability=True)
    )


comparisons = [
    comparison(
        "given_name",
        cll.NullLevel("given_name"),
        exact("given_name"),
        cll.ArrayIntersectLevel("given_canonical", min_intersection=1),
        cll.JaroWinklerLevel("given_name", 0.92),
        cll.JaroWinklerLevel("given_name", 0.85),
        cll.CustomLevel(
            (
                "given_name_l[:1] = given_name_r[:1] AND least(length(given_name_l), "
                "length(given_name_r)) = 1"
            ),
            "initial",
        ),
    ),
    cl.NameComparison("surname").configure(term_frequency_adjustments=True),
    cl.ExactMatch("generational_suffix"),
    cl.DateOfBirthComparison("birthdate", input_is_string=True),
    comparison(
        "email",
        cll.NullLevel("email"),
        exact("email", 0.05 / n),
        cll.JaroWinklerLevel("email", 0.95),
    ),
    comparison(
        "phone",
        cll.NullLevel("phone"),
        exact("phone", 0.1 / n),
        cll.DamerauLevenshteinLevel("phone", 1),
    ),
    comparison(
        "address",
        cll.And(cll.NullLevel("address"), cll.NullLevel("postal"), cll.NullLevel("city")),
        exact("address"),
        cll.JaroWinklerLevel("address", 0.95),
        cll.JaroWinklerLevel("address", 0.88),
        exact("postal"),
        exact("city"),
    ),
    cl.ExactMatch("gender"),
]
keys = [c for c in data.columns if c.startswith("fk_")]
comparisons += [cl.ExactMatch(c) for c in keys]
blocks = [
    *(block_on(c) for c in ("email", "phone", *keys)),
    block_on("substr(given_name, 1, 3)", "substr(surname, 1, 4)"),
    block_on("surname", "birthdate"),
    block_on("given_name", "birthdate"),
    block_on("postal", "given_name"),
    block_on("postal", "surname"),
    block_on("substr(postal, 1, 3)", "birthdate"),
    block_on("city", "birthdate"),
    block_on("address", "substr(given_name, 1, 1)"),
    block_on("substr(given_name, 1, 2)", "substr(surname, 1, 2)", "substr(birthdate, 1, 4)"),
]
training = [
    block_on("given_name", "surname"),
    *(block_on(c) for c in keys[:1]),
    block_on("birthdate"),
]
certain = [
    block_on("email", "given_name"),
    block_on("given_name", "surname", "birthdate"),
    block_on("phone", "given_name", "surname"),
    block_on("given_name", "surname", "postal"),
]
table = data.to_arrow()
start = time.perf_counter()
api = DuckDBAPI()
settings = SettingsCreator(
    link_type="dedupe_only",
    comparisons=comparisons,
    blocking_rules_to_generate_predictions=blocks,
    retain_matching_columns=False,
    max_iterations=25,
)
linker = Linker(api.register(table, dataset_display_name="records"), settings)
linker.training.estimate_probability_two_random_records_match(certain, recall=0.7)
linker.training.estimate_u_using_random_sampling(max_pairs=5e6, seed=1)
for block in training:
    with contextlib.suppress(EMTrainingException):  # a key that no two records share trains nothing
        linker.training.estimate_parameters_using_expectation_maximisation(
            block, record_sample_proportion=1.0 if n <= 60_000 else min(1.0, 100_000 / n)
        )
pairs = linker.inference.predict(threshold_match_probability=0.05)
got = api._con.sql(
    f"SELECT unique_id_l AS l, unique_id_r AS r, match_probability AS p FROM {pairs.physical_name}"
).fetchnumpy()
sure = np.asarray(got["p"]) >= 0.95
left, right = got["l"][sure], got["r"][sure]
connected_components(
    coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(n, n)), directed=False
)[1]
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(seconds, peak)
