"""Households: which persons live together, from pairs that the match model calls a household and
from contacts that few persons share.

Belongs here: from links between persons to groups of them. Who is one person is decided before
(`clusters`); ids that stay are `stable_ids`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from c360_assets.stitch.connected_components import components

MOST_PERSONS = 15  # of one household; a larger group is a school, a firm, a block of flats
PERSON_PAIR = ["person1", "person2"]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SharedContact:
    """A contact that persons of one household share, and by how many it may be held.

    More holders are a building, a switchboard, a role address.
    """

    name: str
    most_holders: int


ADDRESS = SharedContact("address", 6)
CONTACTS = (ADDRESS, SharedContact("phone", 3), SharedContact("email", 3))


def households(people: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """The household of every person: columns person, household (the smallest person of it), size,
    evidence, log_odds. Sorted by person.

    `people`: one row or more for each person (0, 1, …) with surname, address, postal, city (text),
    email, phone (lists), as they are compared. `pairs`: person1, person2, log_odds of living
    together. `evidence` names what a person shares with others of the household, by the alphabet;
    NULL for somebody who lives alone. `log_odds` is the model's for the person's strongest pair,
    NULL where shared contacts alone speak. No household has more than `MOST_PERSONS`.
    """
    n_persons = people["person"].n_unique()
    links = _backed(n_persons, _links(pairs, _shared_contacts(people)))
    household = _grouped(n_persons, links)
    persons = pl.DataFrame({"person": np.arange(n_persons), "household": household})
    persons = persons.with_columns(size=pl.len().over("household"))
    inside = _inside(links, household)
    evidence = _evidence(people, inside)
    strongest = inside.group_by("person").agg(pl.col("log_odds").max())
    return (
        persons.join(evidence, on="person", how="left", maintain_order="left")
        .join(strongest, on="person", how="left", maintain_order="left")
        .select("person", "household", "size", "evidence", "log_odds")
    )


def _contact_values(people: pl.DataFrame, contact: SharedContact) -> pl.DataFrame:
    """Distinct (person, value) of a contact; addresses that are only a building's are left out."""
    if contact is not ADDRESS:
        values = people.select("person", value=contact.name)
        return values.explode("value").drop_nulls().unique()
    place = pl.coalesce("postal", "city")
    values = people.select("person", "address", place=place).drop_nulls().unique()
    known = values.select("place", "address").unique().sort("place", "address")
    # A blank sorts before all that an address may hold, so flats follow their building at once.
    follows = pl.col("address").shift(-1).over("place", order_by="address")
    is_building = follows.str.starts_with(pl.col("address") + " ").fill_null(False)
    homes = known.filter(~is_building)
    at_home = values.join(homes, on=["place", "address"], how="semi")
    return at_home.select("person", value=pl.concat_str("place", "address", separator="\n"))


def _shared_contacts(people: pl.DataFrame) -> pl.DataFrame:
    """Pairs of persons that share a contact which few hold: person1 < person2."""
    pairs = []
    for contact in CONTACTS:
        values = _contact_values(people, contact)
        n_holders = pl.len().over("value")
        rare = values.filter(n_holders.is_between(2, contact.most_holders))
        both = rare.join(rare, on="value", suffix="_other")
        both = both.filter(pl.col("person") < pl.col("person_other"))
        pairs.append(both.select(person1="person", person2="person_other"))
    return pl.concat(pairs).unique()


def _links(pairs: pl.DataFrame, shared: pl.DataFrame) -> pl.DataFrame:
    """Each linked pair of persons once, the strongest first: person1, person2, log_odds."""
    apart = pairs.filter(pl.col("person1") != pl.col("person2"))
    ordered = apart.select(
        pl.min_horizontal(PERSON_PAIR).alias("person1"),
        pl.max_horizontal(PERSON_PAIR).alias("person2"),
        "log_odds",
    )
    strongest = ordered.group_by(PERSON_PAIR).agg(pl.col("log_odds").max())
    links = strongest.join(shared, on=PERSON_PAIR, how="full", coalesce=True)
    order = ["log_odds", *PERSON_PAIR]
    return links.sort(order, descending=[True, False, False], nulls_last=True)


def _backed(n_persons: int, links: pl.DataFrame) -> pl.DataFrame:
    """The links whose two persons are linked to mostly the same persons (themselves included).

    Else one link in error would make one household of two.
    """
    i, j = links["person1"].to_numpy(), links["person2"].to_numpy()
    ones = np.ones(len(i), dtype=np.int64)
    one_way = sparse.coo_matrix((ones, (i, j)), shape=(n_persons, n_persons))
    linked = (one_way + one_way.T + sparse.eye(n_persons, dtype=np.int64)).tocsr()
    n_linked = np.asarray(linked.sum(axis=1)).ravel()
    n_common = np.asarray(linked[i].multiply(linked[j]).sum(axis=1)).ravel()
    n_either = n_linked[i] + n_linked[j] - n_common
    return links.filter(pl.Series(2 * n_common > n_either, dtype=pl.Boolean))


def _grouped(n_persons: int, links: pl.DataFrame) -> Ints:
    """The smallest person of each person's household."""
    person1, person2 = links["person1"].to_numpy(), links["person2"].to_numpy()
    group = components(n_persons, person1, person2)
    size = np.bincount(group, minlength=n_persons)
    is_large = size[group] > MOST_PERSONS
    if not is_large.any():
        return group
    in_large = is_large[person1]
    return _joined_strongest_first(group, is_large, person1[in_large], person2[in_large])


def _joined_strongest_first(group: Ints, is_large: npt.NDArray[np.bool_], i: Ints, j: Ints) -> Ints:
    """The groups again, where those that are too large are joined link by link, in this order,
    while nobody gets more than `MOST_PERSONS`."""
    members = {int(person): [int(person)] for person in np.flatnonzero(is_large)}
    joined = group.copy()
    joined[is_large] = np.flatnonzero(is_large)
    for first, second in zip(i.tolist(), j.tolist(), strict=True):
        one, other = sorted((int(joined[first]), int(joined[second])))
        if one == other or len(members[one]) + len(members[other]) > MOST_PERSONS:
            continue
        joined[members[other]] = one
        members[one] += members.pop(other)
    return joined


def _inside(links: pl.DataFrame, household: Ints) -> pl.DataFrame:
    """Links inside a household, from both ends: person, other, log_odds."""
    person1, person2 = links["person1"].to_numpy(), links["person2"].to_numpy()
    kept = links.filter(pl.Series(household[person1] == household[person2]))
    return pl.concat(
        [
            kept.select("log_odds", person="person1", other="person2"),
            kept.select("log_odds", person="person2", other="person1"),
        ]
    )


def _evidence(people: pl.DataFrame, inside: pl.DataFrame) -> pl.DataFrame:
    """What each linked person shares with those of the household it is linked to: person,
    evidence."""
    surnames = people.select("person", value="surname").drop_nulls().unique()
    values = {contact.name: _contact_values(people, contact) for contact in CONTACTS}
    values["surname"] = surnames
    ends = inside.select("person", "other")
    found = [
        ends.join(held, on="person")
        .join(held, left_on=["other", "value"], right_on=["person", "value"], how="semi")
        .select("person", evidence=pl.lit(name))
        .unique()
        for name, held in values.items()
    ]
    named = pl.concat(found).sort("person", "evidence")
    return named.group_by("person").agg(pl.col("evidence").str.join(", "))
