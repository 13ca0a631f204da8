"""The match model: three latent classes (same person, same household, strangers) fitted by EM on counts of level patterns.

Fellegi-Sunter with a third class. The household class is fixed to the strangers' distribution for given name, birthdate and
gender (relatives' given names and birthdates are unrelated) plus a small share for twins and namesakes, and learns the rest; on
data without households it empties itself. Class sizes are expected counts over all pairs, so no prior has to be guessed.
Dirichlet priors from the levels' starting values keep it sane on 50 records. No labels are read. How a level comes about
belongs in `features`.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from c360_assets.stitch.compare.agreement_patterns import Comparable, compare
from c360_assets.stitch.compare.comparison_levels import Level, columns_read, side_by_side
from c360_assets.stitch.compare.comparison_records import columns_with, registered
from c360_assets.stitch.compare.comparisons import FEATURES, IN_EMAIL, SHIFTS

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ITERATIONS = 60
TOLERANCE = 1e-5
PRIOR_PAIRS = 20.0  # weight of the starting m and h, in pairs
PRIOR_STRANGERS = (
    500_000.0  # weight of the starting u of counted levels, in pairs: about a thousand records
)
PRIOR_SAMPLE = 5.0  # sightings that the starting u of a sampled level is worth: a sample of 300,000 rarely sees one in a million
PHANTOM_RECORDS = 500  # a tenant of three records still lives in a world with strangers
SAMPLE_PAIRS = 200_000
SAMPLE_OWN = 100_000
# A class that differs more often than this in an identifying field is no class of one person's records.
MOST_DIFFERENT = {
    "given_name": 0.25,
    "surname": 0.25,
    "birthdate": 0.25,
    "email": 0.5,
    "phone": 0.5,
}
TWINS = 0.015  # share of relatives with an equal birthdate or an equal given name, on top of chance

LEVELS: tuple[tuple[str, Level], ...] = tuple(
    (f.name, level) for f in FEATURES for level in f.levels
)
OFFSETS = {f.name: sum(len(g.levels) for g in FEATURES[:n]) for n, f in enumerate(FEATURES)}
FEATURE_OF: Ints = np.array([n for n, f in enumerate(FEATURES) for _ in f.levels], dtype=np.int64)

# How many pairs hold an equal value, counted exactly: the value's column and the column that chooses the level.
TOTALS = (
    ("given_name", "given", pl.col("given_bin")),
    ("surname", "surname", pl.col("surname_bin")),
    ("company", "company", pl.col("company_bin")),
    ("birthdate", "birthdate", pl.when(pl.col("birthdate_n") <= 20).then(1).otherwise(2)),
    (
        "place",
        "postal",
        pl.when(pl.col("postal_bin") >= 6)
        .then(1)
        .when(pl.col("postal_bin") >= 4)
        .then(2)
        .otherwise(3),
    ),
)


@dataclass(frozen=True)
class Model:
    """Log probabilities by class (0 same person, 1 household, 2 strangers) and level, class sizes in pairs, and evidence."""

    log_probability: Array  # (levels, 3)
    sizes: Array  # (3,): expected pairs of each class
    expected: Array  # (levels,): expected same-person pairs at the level
    records: int

    def log_odds(self, patterns: Ints) -> tuple[Array, Array]:
        """Log-odds of same person, and of same household, for each pattern."""
        joint = design_matrix(patterns) @ self.log_probability + np.log(self.sizes)
        person = joint[:, 0] - np.logaddexp(joint[:, 1], joint[:, 2])
        household = joint[:, 1] - np.logaddexp(joint[:, 0], joint[:, 2])
        return person, household

    def strength(self, patterns: Ints) -> Array:
        """How much a pair was compared on: the absolute weights (nats, same person against strangers) added up."""
        weight = np.abs(self.log_probability[:, 0] - self.log_probability[:, 2])
        weight[np.array([f.context for f in FEATURES])[FEATURE_OF]] = 0.0
        return np.asarray(design_matrix(patterns) @ weight)

    def table(self) -> pl.DataFrame:
        """One row per feature and level: m, h, u and the weight in bits against each of the other classes."""
        p = np.exp(self.log_probability)
        return pl.DataFrame(
            {
                "feature": [name for name, _ in LEVELS],
                "level": pl.Series(
                    [n for f in FEATURES for n in range(1, len(f.levels) + 1)], dtype=pl.Int64
                ),
                "label": [level.label for _, level in LEVELS],
                "m": p[:, 0],
                "h": p[:, 1],
                "u": p[:, 2],
                "weight_bits": (self.log_probability[:, 0] - self.log_probability[:, 2])
                / np.log(2),
                "household_bits": (self.log_probability[:, 0] - self.log_probability[:, 1])
                / np.log(2),
                "expected_pairs": self.expected,
            }
        )

    def lower_bound_m(self, feature: str, levels: list[int]) -> tuple[float, float]:
        """95 % lower bound of the share of same-person pairs at these levels, and the expected pairs that hold the feature."""
        start = OFFSETS[feature]
        count = len(next(f for f in FEATURES if f.name == feature).levels)
        held = float(self.expected[start : start + count].sum())
        hits = float(self.expected[[start + n - 1 for n in levels]].sum())
        if held <= 0:
            return 0.0, 0.0
        share = hits / held
        z = 1.645
        centre = share + z * z / (2 * held)
        spread = z * np.sqrt(share * (1 - share) / held + z * z / (4 * held * held))
        return float((centre - spread) / (1 + z * z / held)), held


def levels_of(patterns: Ints, feature: str) -> Ints:
    """The level numbers of one feature in packed patterns."""
    bits = next(f.bits for f in FEATURES if f.name == feature)
    return (patterns >> SHIFTS[feature]) & ((1 << bits) - 1)


def design_matrix(patterns: Ints) -> sparse.csr_matrix:
    """One row per pattern, one column per level, 1 where the pattern holds the level."""
    columns = np.stack(
        [levels_of(patterns, f.name) + OFFSETS[f.name] - 1 for f in FEATURES], axis=1
    )
    present = np.stack([levels_of(patterns, f.name) > 0 for f in FEATURES], axis=1)
    indptr = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    flat = columns[present]
    return sparse.csr_matrix((np.ones(len(flat)), flat, indptr), shape=(len(patterns), len(LEVELS)))


def random_patterns(con: duckdb.DuckDBPyConnection, read: Comparable) -> tuple[Ints, Ints]:
    """Distinct patterns and their counts of random pairs, or of all pairs where there are not more than the sample."""
    n = read.height
    if n * (n - 1) // 2 <= SAMPLE_PAIRS:
        i, j = np.triu_indices(n, 1)
    else:
        random = np.random.default_rng(20200614)
        i = random.integers(0, n, SAMPLE_PAIRS)
        j = random.integers(0, n, SAMPLE_PAIRS)
        i, j = np.minimum(i, j)[i != j], np.maximum(i, j)[i != j]
    return np.unique(
        compare(con, read, i, j, columns_with(read.columns, "fk_")).pattern, return_counts=True
    )


def equal_value_pairs(records: pl.DataFrame) -> Array:
    """For each level with counted u: pairs of the data with an equal value, over pairs that hold the field; NaN elsewhere."""
    result = np.full(len(LEVELS), np.nan)
    for feature, value, level in TOTALS:
        present = records.lazy().drop_nulls(value)
        counts = present.group_by(value).agg(
            level.first().alias("level"), pl.len().cast(pl.Int64).alias("n")
        )
        pairs = pl.col("n") * (pl.col("n") - 1) // 2
        rows = counts.group_by("level").agg(pairs=pairs.sum(), held=pl.col("n").sum()).collect()
        held = int(rows["held"].sum())
        found = dict(zip(rows["level"], rows["pairs"], strict=True))
        for n, item in enumerate(next(f for f in FEATURES if f.name == feature).levels, 1):
            if item.u_from == "total":
                result[OFFSETS[feature] + n - 1] = found.get(n, 0) / max(held * (held - 1) / 2, 1.0)
    return result


SPELLINGS = ("given name and surname", "initial and surname")


def spelling_shares() -> Array:
    """(spelled levels, given bins, surname bins) of 0 and 1: which bins of the names belong to which level."""
    feature = IN_EMAIL[0]
    bins = 8
    given, surname = np.meshgrid(np.arange(1, bins + 1), np.arange(1, bins + 1), indexing="ij")
    result = []
    for prefix, rarity in zip(SPELLINGS, (given + surname, surname), strict=True):
        lowest = 0
        for n in feature.labelled(prefix):
            edge = feature.levels[n - 1].label.removeprefix(prefix).strip(" ,")
            highest = int(edge) if edge.isdigit() else 99
            result.append((rarity > lowest) & (rarity <= highest))
            lowest = highest
    return np.stack(result).astype(np.float64)


def initials_agree(records: pl.DataFrame) -> float:
    """Chance that two given names begin alike."""
    counts = records["given"].drop_nulls().str.head(1).value_counts()["count"].to_list()
    total = sum(counts)
    return max(sum(n * n for n in counts) / (total * total), 0.05) if total else 0.08


def own_names(con: duckdb.DuckDBPyConnection, records: pl.DataFrame) -> Array:
    """m of the names-in-e-mail features: how often a login holds the names of its own record, by level; NaN elsewhere.

    Seen on up to `SAMPLE_OWN` records with an e-mail and both names, each compared with a copy of itself that lacks the names.
    """
    result = np.full(len(LEVELS), np.nan)
    read = {c for feature in IN_EMAIL for c in columns_read(feature.case())}
    named = (
        records.select(sorted(read))
        .filter(
            pl.col("letters").is_not_null()
            & (pl.col("given").str.len_chars() > 1)
            & pl.col("surname").is_not_null()
        )
        .gather_every(max(records.height // SAMPLE_OWN, 1))
    )
    for feature, lacking in zip(
        IN_EMAIL, (("given", "surname"), ("surname",), ("given",)), strict=True
    ):
        columns = columns_read(feature.case())
        a = named.select(
            pl.lit(None, pl.String).alias(f"a_{c}") if c in lacking else pl.col(c).alias(f"a_{c}")
            for c in columns
        )
        b = named.select(pl.col(c).alias(f"b_{c}") for c in columns)
        with registered(con, er_own=pl.concat([a, b], how="horizontal")):
            sql = f"SELECT {feature.case()} AS level, count(*) FROM er_own GROUP BY 1"
            found = dict(con.execute(side_by_side(sql)).fetchall())
        start = np.array([level.m for level in feature.levels])
        held = np.array(
            [found.get(n, 0) for n in range(1, len(feature.levels) + 1)], dtype=np.float64
        )
        result[OFFSETS[feature.name] : OFFSETS[feature.name] + len(held)] = (
            held + PRIOR_PAIRS * start / start.sum()
        ) / (held.sum() + PRIOR_PAIRS)
    return result


def _by_feature(values: Array) -> Array:
    """Sum over the levels of each feature, spread back to the levels."""
    return np.asarray(
        np.bincount(FEATURE_OF, weights=values, minlength=len(FEATURES))[FEATURE_OF],
        dtype=np.float64,
    )


def _priors(bin_shares: Array, own: Array) -> tuple[Array, Array, Array]:
    """Starting m, h, u: the shipped values, equal values spread over the frequency bins as the data's records are."""
    m = np.array([level.m for _, level in LEVELS])
    u = np.array([level.u for _, level in LEVELS])
    h = np.array([level.m if level.h is None else level.h for _, level in LEVELS])
    binned = ~np.isnan(bin_shares)
    for values in (m, h):
        mass = _by_feature(np.where(binned, values, 0.0))
        values[binned] = (mass * bin_shares)[binned]
    m = np.where(np.isnan(own), m, own)
    m, h, u = (np.maximum(v / _by_feature(v), 1e-12) for v in (m, h, u))
    return m, h, u


def bin_shares(records: pl.DataFrame) -> Array:
    """Share of the records that hold a value in each frequency bin, for binned levels; NaN elsewhere; smoothed."""
    result = np.full(len(LEVELS), np.nan)
    for feature, value, level in TOTALS[:3]:
        found = dict(
            records.select(value, level=level).drop_nulls(value).group_by("level").len().iter_rows()
        )
        numbers = [
            n
            for n, item in enumerate(next(f for f in FEATURES if f.name == feature).levels, 1)
            if item.u_from == "total"
        ]
        total = sum(found.get(n, 0) + 0.1 for n in numbers)
        for n in numbers:
            result[OFFSETS[feature] + n - 1] = (found.get(n, 0) + 0.1) / total
    return result


def fit(
    con: duckdb.DuckDBPyConnection,
    data: pl.DataFrame,
    read: Comparable,
    patterns: Ints,
    counts: Ints,
    *,
    classes: int = 3,
) -> Model:
    """Fit the model on the patterns of the compared pairs (sorted, with counts). `classes=2` leaves the household out.

    Reads the comparison records `data` for exact counts of equal values and compares random pairs of `read` for u.
    Deterministic: all sums run over sorted arrays.
    """
    records = data.height
    totals = equal_value_pairs(data)
    initials = initials_agree(data)
    m0, h0, u0 = _priors(bin_shares(data), own_names(con, data))
    u_from = np.array([level.u_from for _, level in LEVELS])
    h_from = np.array([level.h_from for _, level in LEVELS])
    shared = h_from == "share"
    fixed_m = np.array([level.fixed_m for _, level in LEVELS])
    sampled, sampled_n = random_patterns(con, read)
    sample_matrix = design_matrix(sampled)
    sample_counts = sampled_n.astype(np.float64)
    presence = _by_feature(np.asarray(sample_matrix.T @ sample_counts)) / max(
        sample_counts.sum(), 1.0
    )
    matrix = design_matrix(patterns)
    weight = counts.astype(np.float64)
    all_pairs = max(records * (records - 1) / 2, 1.0)
    world = (records + PHANTOM_RECORDS) * (records + PHANTOM_RECORDS - 1) / 2

    m, u = m0.copy(), u0.copy()
    # Relatives' names and birthdates are unrelated from the start, or the class of one person takes the relatives it meets first.
    h = _household(h_from, shared, h0, u, m)
    sizes = np.array(
        [max(records * 0.5, 1.0), max(records * 0.1, 1.0) if classes == 3 else 1e-9, world]
    )
    matrix_t = matrix.T.tocsr()
    sample_t = sample_matrix.T.tocsr()
    at_person = np.zeros(len(LEVELS))
    for _ in range(ITERATIONS):
        log_p = np.log(np.stack([m, h, u], axis=1))
        joint = matrix @ log_p + np.log(sizes)
        posterior = (
            np.exp(
                joint - np.logaddexp(np.logaddexp(joint[:, 0], joint[:, 1]), joint[:, 2])[:, None]
            )
            * weight[:, None]
        )
        at = np.asarray(matrix_t @ posterior)  # (levels, 3) expected compared pairs at each level
        at_person = at[:, 0]
        joint = sample_matrix @ log_p + np.log(sizes)
        stranger = (
            np.exp(joint[:, 2] - np.logaddexp(np.logaddexp(joint[:, 0], joint[:, 1]), joint[:, 2]))
            * sample_counts
        )
        at_random = np.asarray(sample_t @ stranger)

        before = np.concatenate([m, np.log(sizes[:2])])
        m = _capped(
            np.where(
                fixed_m, m0, (at[:, 0] + PRIOR_PAIRS * m0) / (_by_feature(at[:, 0]) + PRIOR_PAIRS)
            )
        )
        u = _strangers(
            u_from, u0, totals, at, at_random, presence, all_pairs, _spelled(m0, u, initials)
        )
        learned = (at[:, 1] + PRIOR_PAIRS * h0) / (_by_feature(at[:, 1]) + PRIOR_PAIRS)
        h = _household(h_from, shared, learned, u, m)
        sizes = np.array(
            [
                posterior[:, 0].sum() + 1.0,
                posterior[:, 1].sum() + 1.0 if classes == 3 else 1e-9,
                world,
            ]
        )
        after = np.concatenate([m, np.log(sizes[:2])])
        if np.max(np.abs(after - before)) < TOLERANCE:
            break
    return Model(np.log(np.stack([m, h, u], axis=1)), sizes, at_person, records)


def _capped(m: Array) -> Array:
    """m with the levels "different" of identifying fields held below `MOST_DIFFERENT`, the rest scaled up to fill."""
    different = np.array(
        [name in MOST_DIFFERENT and level.label.startswith("different") for name, level in LEVELS]
    )
    most = np.array([MOST_DIFFERENT.get(name, 1.0) for name, _ in LEVELS])
    share = _by_feature(np.where(different, m, 0.0))
    scaled = np.where(
        different,
        m * most / np.maximum(share, 1e-12),
        m * (1 - most) / np.maximum(1 - share, 1e-12),
    )
    return np.asarray(np.where(share > most, scaled, m))


def _strangers(
    u_from: npt.NDArray[np.str_],
    u0: Array,
    totals: Array,
    at: Array,
    at_random: Array,
    presence: Array,
    all_pairs: float,
    spelled: Array,
) -> Array:
    """u by level, from where each level takes it, normalised per feature. Counts are less the pairs of the other classes."""
    held = presence * all_pairs
    sampled = (at_random + PRIOR_SAMPLE) / (_by_feature(at_random) + PRIOR_SAMPLE / u0)
    counted = np.nan_to_num(totals) * held
    counted = np.maximum(counted - at[:, 0] - at[:, 1], 0.1 * counted)
    counted = (counted + PRIOR_STRANGERS * u0) / (held + PRIOR_STRANGERS)
    blocked = (at[:, 2] + PRIOR_STRANGERS * u0) / (held + PRIOR_STRANGERS)
    conditional = (at[:, 2] + PRIOR_PAIRS * u0) / (_by_feature(at[:, 2]) + PRIOR_PAIRS)
    u = np.select(
        [u_from == "total", u_from == "blocked", u_from == "conditional", u_from == "spelled"],
        [counted, blocked, conditional, spelled],
        sampled,
    )
    loose = u_from == "random"
    rest = np.maximum(1.0 - _by_feature(np.where(loose, 0.0, u)), 1e-6)
    mass = _by_feature(np.where(loose, u, 0.0))
    u = np.where(loose, u * rest / np.where(mass > 0, mass, 1.0), u)
    return np.asarray(np.maximum(u, 1e-12))


def _spelled(m: Array, u: Array, initials: float) -> Array:
    """u of a login spelled from another person's names: the share of such logins times the chance of equal names."""
    given = u[OFFSETS["given_name"] : OFFSETS["given_name"] + 8]
    surname = u[OFFSETS["surname"] : OFFSETS["surname"] + 8]
    shares = spelling_shares()
    feature = IN_EMAIL[0]
    result = np.full(len(LEVELS), np.nan)
    start = 0
    for prefix in SPELLINGS:
        levels = [OFFSETS[feature.name] + n - 1 for n in feature.labelled(prefix)]
        first = given if prefix.startswith("given") else np.full(8, initials / 8)
        chance = np.einsum("lgs,g,s->l", shares[start : start + len(levels)], first, surname)
        result[levels] = m[levels].sum() * chance
        start += len(levels)
    return result


def _household(
    h_from: npt.NDArray[np.str_], shared: npt.NDArray[np.bool_], learned: Array, u: Array, m: Array
) -> Array:
    """h by level: fixed to u where relatives are strangers, a small share of namesakes and twins on top, learned elsewhere."""
    fixed = np.asarray((h_from != "learned") & (h_from != "person"))
    has_share = _by_feature(shared.astype(np.float64)) > 0
    of_equal = np.where(shared, m, 0.0)
    mass = _by_feature(of_equal)
    base = np.where(fixed, u * np.where(has_share, 1 - TWINS, 1.0), 0.0) + np.where(
        shared, TWINS * of_equal / np.where(mass > 0, mass, 1.0), 0.0
    )
    rest = np.maximum(1.0 - _by_feature(base), 0.0)
    mass = _by_feature(np.where(fixed, 0.0, learned))
    h = np.where(fixed, base, learned * rest / np.where(mass > 0, mass, 1.0))
    return np.asarray(np.maximum(np.where(h_from == "person", m, h), 1e-12))
