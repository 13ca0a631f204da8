"""Records of organisations: the name by which they are compared, and what its words weigh.

What is a word of such a name is for `semantics.organisations` to say, what an agreement means for
`comparisons`.
"""

from __future__ import annotations

import polars as pl

from c360_assets.semantics.organisations import organisation_words
from c360_assets.stitch.compare.value_counts import PHANTOM_RECORDS, count_of
from c360_assets.stitch.compare.workplaces import at_work

SHOP_SHARE = 0.01  # of all records; a company that so many hold, most of them people, is a shop
# Of a word of an organisation's name: its weight by e-fold of rarity, in less than so many steps.
WORD_WEIGHT = 60.0
WORD_CODES = 1000
TELLING_WORDS = 350  # what the words of a name weigh together that few organisations bear


def with_organisations(records: pl.DataFrame, population: int) -> pl.DataFrame:
    """Adds `org` and `org_words`: the name of an organisation, which is the company of a record
    without a person, and its different words. Local to a company.

    A company that most people of a tenant share is where they shop, and names no record.
    """
    nobody = pl.all_horizontal(pl.col("given", "surname").is_null())
    holders = count_of("company")
    is_frequent = holders >= SHOP_SHARE * (population + PHANTOM_RECORDS)
    is_of_people = nobody.sum().over("company") * 2 < holders
    is_organisation = nobody & ~(is_frequent & is_of_people)
    names = records.select(company=pl.when(is_organisation).then("company")).to_series()
    words = organisation_words(names)
    return records.with_columns(
        words.list.join(" ").alias("org"),
        words.list.unique().list.sort().alias("org_words"),
        at_work(records),
    )


def with_word_weights(records: pl.DataFrame, population: int) -> pl.DataFrame:
    """Adds `org_codes`, a number for each word of an organisation whose last three digits are what
    it weighs, and `org_weight`, of all together. A rare word weighs more."""
    words = records.select("i", word="org_words").drop_nulls().explode("word")
    share = pl.len().over("word") / (population + PHANTOM_RECORDS)
    weight = (-WORD_WEIGHT * share.log()).round().clip(1, WORD_CODES - 1).cast(pl.Int64)
    code = pl.col("word").rank("dense").cast(pl.Int64) * WORD_CODES + weight
    coded = words.with_columns(code=code, weight=weight)
    by_record = coded.group_by("i").agg(
        org_codes=pl.col("code").sort(), org_weight=pl.col("weight").sum().cast(pl.Int32)
    )
    return records.join(by_record, on="i", how="left", maintain_order="left")
