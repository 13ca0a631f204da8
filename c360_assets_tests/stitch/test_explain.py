"""Any pair is explained as the run decided it: held against comparing all pairs by brute force."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import duckdb
import numpy as np
import polars as pl
import pytest

from c360_assets.errors import C360Error
from c360_assets.reporting.explain import ExplainedPair, ExplainedPerson, explain
from c360_assets.stitch import StitchResult, stitch
from c360_assets.stitch.compare.agreement_patterns import compared_columns
from c360_assets.stitch.compare.blocking import chosen_strategies
from c360_assets.stitch.compare.candidate_pairs import CandidatePairs, build_pairs
from c360_assets.stitch.compare.comparison_records import prepare_records
from c360_assets.stitch.comparing import ComparisonInputs, compare_positions
from c360_assets.stitch.explain.pair import explain_pair
from c360_assets.stitch.explain.people import Link, path, strongest_tree
from c360_assets.stitch.explain.records import PublishedStitch
from c360_assets.stitch.prepare.preprocessing import preprocess
from c360_assets.stitch.prepare.trivial_duplicates import collapse, representatives
from c360_assets.stitch.resolve import (
    hard_conflicts,
    holds_contacts,
    known_given_names,
)
from c360_assets.stitch.score.labels import labelled
from c360_assets.stitch.score.scored_pairs import DecidedPairs, Scorer, decide_pairs
from c360_assets.stitch.score.stored_model import read_model
from c360_assets.tenant.models import StitchConfig
from c360_assets_tests.examples import examples
from c360_assets_tests.stitch.retail import retail
from c360_assets_tests.stitch.test_class_meaning import of_families_with_names_of_their_own
from c360_assets_tests.stitch.test_organisations import firms as firms_of
from c360_assets_tests.stitch.test_organisations import records as records_of_firms

CONFIG = StitchConfig.model_validate(
    {
        "blocking": {"limit": 8},
        "outputs": {"stitch_scores": "all"},
        "clustering": {"conflict_fields": ["given-name", "birthdate"]},
    }
)
N_PEOPLE = 260
PER_KIND = int(os.environ.get("C360_EXPLAINED_PAIRS") or examples(4, 1))  # 200: five minutes
LABELS = [("Shop:Customers", "Club:Members", False), ("Till:Customers", "News:Readers", True)]


def records() -> pl.DataFrame:
    """A retail tenant with copies, an e-mail and a phone that many share, a foreign key, firms."""
    found = retail(N_PEOPLE, 4).drop("person")
    is_crowded = pl.int_range(pl.len()) % 40 == 0
    found = found.with_columns(
        email=pl.when(is_crowded).then(pl.lit("family@example.com")).otherwise("email"),
        phone=pl.when(is_crowded).then(pl.lit("2065550100")).otherwise("phone"),
        fk_member=pl.when(pl.int_range(pl.len()) % 3 == 0).then("pk"),
    )
    copies = found.filter(pl.int_range(pl.len()) % 9 == 0)
    families = of_families_with_names_of_their_own(60, seed=3).drop("person")
    at_shop = pl.when(datasource="Shop").then(_login(".") + "@googlemail.com")
    of_feed = at_shop.when(datasource="Cards").then(_login() + "@gmail.com")
    families = families.with_columns(pk="kin-" + pl.col("pk"), email=of_feed)
    firms = records_of_firms(firms_of(60, 5, reached=True)).drop("expected")
    return pl.concat(
        [found, copies.with_columns(pl.col("pk") + "-copy"), families, firms, _in_scripts()],
        how="diagonal_relaxed",
    )


# One name in several spellings, and surnames that some write as a second given name.
SPELLINGS = (
    *(("Татьяна", "Киселева"), ("Tatyana", "Kiseleva"), ("T", "Kiseleva"), ("志明", "張")),
    *(("Chih-ming", "Chang"), ("Zhi Ming", "Zhang"), ("Ming", "Zhang"), ("محمد", "سليمان")),
    *(("Mohamed", "Soliman"), ("Tatyana Romashkova", "Kiseleva"), ("Olga", "Romashkova")),
)


def _in_scripts(copies: int = 4) -> pl.DataFrame:
    """Colleagues of all spellings whose phones count on, some with an address of a large
    provider."""
    rows = []
    for number, (given, surname) in enumerate(SPELLINGS * copies):
        of_provider = number % 3
        rows.append(
            {
                "datasource": "Work",
                "pk": f"script-{number}",
                "given_name": given,
                "surname": surname,
                "phone": f"2065557{number * 3:03}",
                "email": f"p{number}@{'gmail.com' if of_provider else 'nordwind.example'}",
                "company": "Nordwind" if number % 5 else None,
            }
        )
    return pl.DataFrame(rows)


def _login(dot: str = "") -> pl.Expr:
    return pl.concat_str(pl.col("given_name", "surname").str.to_lowercase(), separator=dot)


@dataclass(frozen=True)
class World:
    """A run, its tables as published, and what comparing all pairs gives."""

    source: PublishedStitch
    result: StitchResult
    label_pairs: pl.DataFrame

    @cached_property
    def frame(self) -> pl.DataFrame:
        clean = preprocess(records(), CONFIG.bad_values, contradicting_keys=True)
        labels = self.label_pairs
        named = pl.concat([labels.select(datasource=f"source{e}", pk=f"pk{e}") for e in ("1", "2")])
        apart = clean.keys.join(named, on=["datasource", "pk"], how="semi")["rid"].to_list()
        rep = collapse(clean, kept_apart=apart).rep
        return representatives(clean, clean.select(*clean.foreign_keys).with_columns(rep))

    @cached_property
    def position(self) -> dict[tuple[str, str], int]:
        keys = self.frame.select("datasource", "pk").iter_rows()
        return {key: number for number, key in enumerate(keys)}

    @cached_property
    def brute_force(self) -> tuple[DecidedPairs, dict[tuple[int, int], int]]:
        """Every pair compared and decided, and the place of each."""
        model = read_model(self.result.tables["stitch_model"])
        compared = prepare_records(self.frame, known_given_names(), population=model.records)
        keys = sorted(c for c in self.frame.columns if c.startswith(("fk_", "sk_")))
        n_records = compared.height
        rid = np.arange(n_records)
        labels = labelled(self._labels_by_position(), rid)
        inputs = ComparisonInputs(compared_columns(compared, keys), keys, labels)
        i, j = np.triu_indices(n_records, 1)
        pairs = CandidatePairs(
            i.astype(np.int32), j.astype(np.int32), np.zeros(len(i), dtype=np.int64)
        )
        with duckdb.connect() as con:
            every = compare_positions(con, inputs, pairs)
        conflicts = hard_conflicts(model, CONFIG, keys, labels)
        scorer = Scorer(model, CONFIG.matching, conflicts, holds_contacts(compared))
        place = {pair: n for n, pair in enumerate(zip(i.tolist(), j.tolist(), strict=True))}
        return decide_pairs(scorer, every), place

    def _labels_by_position(self) -> pl.DataFrame:
        rows = []
        for row in self.label_pairs.to_dicts():
            one = self.position[row["source1"], row["pk1"]]
            other = self.position[row["source2"], row["pk2"]]
            rows.append((one, other, row["same"]))
        return pl.DataFrame(rows, schema=["rid1", "rid2", "same"], orient="row")

    @cached_property
    def met(self) -> dict[tuple[int, int], set[str]]:
        """The strategies by which each pair met."""
        model = read_model(self.result.tables["stitch_model"])
        compared = prepare_records(self.frame, known_given_names(), population=model.records)
        strategies = chosen_strategies(CONFIG.blocking, self.frame)
        with duckdb.connect() as con:
            pairs = build_pairs(con, compared, strategies, CONFIG.blocking.oversized)
        found = {}
        for i, j, bits in zip(pairs.i, pairs.j, pairs.strategies, strict=True):
            names = {s.name for n, s in enumerate(strategies) if int(bits) & (1 << n)}
            found[int(i), int(j)] = names
        return found

    @cached_property
    def kinds(self) -> dict[str, list[tuple[int, int]]]:
        """Pairs of representatives by how they were decided."""
        decided, place = self.brute_force
        unified = self.result.tables["unified_coalesced"]
        ids = {
            (d, p): id for d, p, id in unified.select("datasource", "pk", "amperity_id").iter_rows()
        }
        id_of = [ids[key] for key in self.position]
        decider = decided.scored.decider().to_list()
        score = decided.scored.score
        keys = self.result.tables["stitch_blocking_keys"]
        blocks = self.result.tables["stitch_blocks"].filter("oversized")
        in_cut = keys.join(blocks, on=["strategy", "bk"], how="semi")
        assert in_cut.height
        cut_groups = in_cut.group_by("strategy", "bk").agg(pl.struct("datasource", "pk"))
        in_one_cut_block: set[tuple[int, int]] = set()
        for members in cut_groups["datasource"].to_list():
            numbers = sorted(self.position[m["datasource"], m["pk"]] for m in members)
            in_one_cut_block.update(combinations(numbers, 2))
        found: dict[str, list[tuple[int, int]]] = {
            name: []
            for name in ("linked", "transitive", "weak", "never met", "veto", "key", "label", "cut")
        }
        for pair, number in place.items():
            one_person = id_of[pair[0]] == id_of[pair[1]]
            if decider[number] == "label":
                found["label"].append(pair)
            elif decider[number].startswith("fk-"):
                found["key"].append(pair)
            elif decider[number].startswith("sk-") and pair in self.met:
                found["veto"].append(pair)
            elif pair in in_one_cut_block and pair not in self.met:
                found["cut"].append(pair)
            elif pair not in self.met:
                found["transitive" if one_person else "never met"].append(pair)
            else:
                found["linked" if score[number] >= 3 else "weak"].append(pair)
        return found


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    rows = records()
    pairs = []
    for one, other, same in LABELS:
        first = rows.filter(datasource=one).sort("pk").head(4)["pk"]
        second = rows.filter(datasource=other).sort("pk").tail(4)["pk"]
        pairs += [(one, a, other, b, same) for a, b in zip(first, second, strict=True)]
    schema = ["source1", "pk1", "source2", "pk2", "same"]
    label_pairs = pl.DataFrame(pairs, schema=schema, orient="row")
    result = stitch(rows, CONFIG, labels=label_pairs)
    with duckdb.connect() as con:
        for name, frame in result.tables.items():
            con.register("frame", frame.to_arrow())
            con.execute(f"CREATE TABLE {name} AS SELECT * FROM frame")
        yield World(PublishedStitch(con), result, label_pairs)


def test_every_kind_of_pair_is_explained_as_it_was_decided(world: World) -> None:
    decided, place = world.brute_force
    names = list(world.position)
    decider = decided.scored.decider().to_list()
    log_odds = decided.evidence.log_odds[decided.pattern_number]
    chance = random.Random(1)
    for kind, pairs in world.kinds.items():
        assert pairs, kind
        for pair in chance.sample(pairs, min(len(pairs), PER_KIND)):
            one = world.source.record(*names[pair[0]])
            other = world.source.record(*names[pair[1]])
            assert one is not None
            assert other is not None
            found = explain_pair(world.source, one, other)
            number = place[pair]
            told = (kind, names[pair[0]], names[pair[1]])
            assert found.log_odds == pytest.approx(log_odds[number], abs=1e-9), told
            bits = sum(item.bits for item in found.evidence)
            assert bits * np.log(2) == pytest.approx(found.log_odds, abs=1e-9), told
            assert found.score == decided.scored.score[number], told
            assert found.decided_by == decider[number], told
            assert bool(found.labels) == (decider[number] == "label"), told
            met = {meeting.strategy for meeting in found.meetings if meeting.met}
            assert met == world.met.get(pair, set()), told
            assert all(meeting.met or meeting.reason for meeting in found.meetings)
            if kind == "cut":
                assert any(m.reason.startswith("cut") for m in found.meetings), told


def test_what_is_counted_over_all_records_is_counted_as_in_the_run(world: World) -> None:
    assert world.source.birthdates == world.frame["birthdate"].count()
    decided, place = world.brute_force
    log_odds = decided.evidence.log_odds[decided.pattern_number]
    names = list(world.position)
    kin = [number for number, (_, pk) in enumerate(names) if pk.startswith("kin-")]
    spelt = [number for number, (_, pk) in enumerate(names) if pk.startswith("script-")]
    of_scripts = [(spelt[0], spelt[1]), (spelt[3], spelt[5]), (spelt[4], spelt[15])]
    of_kin = list(zip(kin, kin[30:], strict=False))[::16] + _of_one_person(names, kin)[::16]
    for pair in of_kin + of_scripts:
        one, other = (world.source.record(*names[number]) for number in pair)
        assert one is not None
        assert other is not None
        told = explain_pair(world.source, one, other).log_odds
        assert told == pytest.approx(log_odds[place[pair]], abs=1e-9), [names[n] for n in pair]


def _of_one_person(names: list[tuple[str, str]], kin: list[int]) -> list[tuple[int, int]]:
    return [pair for pair in combinations(kin, 2) if names[pair[0]][1] == names[pair[1]][1]]


def test_meetings_are_told_where_blocks_are_not_published(world: World) -> None:
    con = world.source.con
    one, other = (world.source.record(*list(world.position)[n]) for n in world.kinds["linked"][0])
    assert one is not None
    assert other is not None
    con.execute("BEGIN; DELETE FROM stitch_blocking_keys")
    told = explain_pair(PublishedStitch(con), one, other)
    con.execute("ROLLBACK")
    assert told.met
    assert {meeting.reason for meeting in told.meetings if meeting.met} == {
        "unless its block was cut: stitch_blocking_keys is switched off"
    }


def test_a_pair_is_explained_the_same_from_both_sides(world: World) -> None:
    one, other = world.kinds["weak"][0]
    names = list(world.position)
    first, second = (world.source.record(*names[n]) for n in (one, other))
    assert first is not None
    assert second is not None
    there, back = (explain_pair(world.source, *ends) for ends in ((first, second), (second, first)))
    assert there == back


def test_a_record_is_told_to_lack_only_what_it_lacks(world: World) -> None:
    columns = {"birthdate": "birthdate", "given-name": "given_name", "email": "email"}
    columns |= {"phone": "phone", "postal": "postal", "surname": "surname"}
    told = set()
    for pair in world.kinds["weak"][:10]:
        records = [world.source.record(*list(world.position)[n]) for n in pair]
        assert records[0] is not None
        assert records[1] is not None
        for meeting in explain_pair(world.source, records[0], records[1]).meetings:
            said = meeting.reason.removeprefix("value missing: ")
            if said == meeting.reason:
                continue
            for part in said.split(", "):
                who, _, what = part.partition(" lacks " if " lacks " in part else " lack ")
                lacking = [n for n in pair if who in ("both", "/".join(list(world.position)[n]))]
                for semantic in set(what.split(" and ")) & columns.keys():
                    told.add(semantic)
                    assert all(world.frame[columns[semantic]][n] is None for n in lacking), part
    assert len(told) > 2


def test_copies_were_compared_as_one_record(world: World) -> None:
    unified = world.result.tables["unified_coalesced"]
    copy = unified.filter(pl.col("pk") != pl.col("rep_pk")).row(0, named=True)
    explained = explain(
        world.source.con,
        f"{copy['datasource']}/{copy['pk']}",
        f"{copy['rep_ds']}/{copy['rep_pk']}",
    )
    assert isinstance(explained, ExplainedPair)
    assert explained.pair.is_trivial_duplicate
    assert explained.same_person
    assert "compared as one record" in explained.verdict


def test_a_person_names_the_weakest_link_that_holds_its_records_together(world: World) -> None:
    unified = world.result.tables["unified_coalesced"]
    sizes = unified.group_by("amperity_id").len().filter(pl.col("len") > 3).sort("amperity_id")
    for amperity_id in sizes["amperity_id"].head(20):
        explained = explain(world.source.con, amperity_id[:8], None)
        assert isinstance(explained, ExplainedPerson)
        assert explained.weakest is not None
        links = world.result.tables["unified_scores"].filter(amperity_id=amperity_id)
        stronger = links.filter(pl.col("score") > explained.weakest.score)
        assert not _connects(stronger, explained.records)
        no_weaker = links.filter(pl.col("score") >= explained.weakest.score)
        assert _connects(no_weaker, explained.records)


def _connects(links: pl.DataFrame, names: list[str]) -> bool:
    groups = [{name} for name in names]
    for row in links.iter_rows(named=True):
        ends = {f"{row['source1']}/{row['pk1']}", f"{row['source2']}/{row['pk2']}"}
        touched = [group for group in groups if group & ends]
        groups = [group for group in groups if not group & ends]
        groups.append(set().union(*touched))
    return len(groups) == 1


def test_what_cannot_be_explained_says_what_became_of_it(world: World) -> None:
    con = world.source.con
    (name,) = world.source.con.execute(
        "SELECT datasource || '/' || pk FROM unified_coalesced ORDER BY 1 LIMIT 1"
    ).fetchall()[0]
    for one, other, message in (
        (name, name, "same record"),
        ("Shop:Customers/none", name, "no record with this key"),
        ("Nowhere/1", name, "there is no source Nowhere; there are Cards, Club:Members"),
        ("abc", None, "nobody has this amperity_id"),
    ):
        with pytest.raises(C360Error, match=message):
            explain(con, one, other)
    with pytest.raises(C360Error, match=r"there is no source club:members; did you mean Club:"):
        explain(con, "club:members/1", name)
    con.execute("CREATE SCHEMA IF NOT EXISTS domain")
    con.execute("CREATE TABLE domain.Till_Receipts AS SELECT 1 AS line")
    with pytest.raises(C360Error, match="records of Till:Receipts are not matched themselves"):
        explain(con, "Till:Receipts/1", name)
    con.execute("INSERT INTO stitch_id_redirects VALUES ('00000000-ended', NULL, 0, 2, 7, 1)")
    with pytest.raises(C360Error, match="ended after generation 7, and none of its records"):
        explain(con, "00000000-ended", None)


def test_a_path_follows_the_strongest_links() -> None:
    links = [
        Link("a", "b", 5.0, None, "model"),
        Link("b", "c", 4.0, None, "model"),
        Link("c", "d", 3.5, None, "model"),
        Link("a", "d", 1.0, None, "model"),
    ]
    tree = strongest_tree(links)
    assert [link.score for link in path(tree, "a", "d")] == [5.0, 4.0, 3.5]
    assert path(tree, "a", "z") == []
