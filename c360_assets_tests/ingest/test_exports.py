"""A corpus of generated exports: what `feed suggest` proposes loads every good row, with tags.

The whole corpus is slow (`pytest -m slow c360_assets_tests/ingest/test_exports.py`); a normal run
takes a small part of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from c360_assets.ingest.suggest.feed import propose_feed
from c360_assets_tests.ingest.exports import Export, export

EXPORTS = 2000
TAGGED = 0.97
# Not a divisor of the numbers of families and damages, so that all of them are met.
SAMPLE_STEP = 83


def judge(file: Export, path: Path) -> tuple[int, int, str]:
    """Contact fields that are tagged and that are not, and what is wrong with the rows or "".

    The trial that a proposal went through is `check` and `load` of the whole file.
    """
    path.write_bytes(file.content)
    proposal = propose_feed(path)
    trial = proposal.trial
    loaded = trial.read - trial.rejected - trial.same_key
    wrong = ""
    if not trial.loads or loaded != file.good_rows:
        wrong = f"{loaded} of {file.good_rows} rows load: {trial.failure}{trial.reasons}"
    fields = yaml.safe_load(proposal.text)["fields"]
    tags = [fields.get(name, {}).get("tags", []) for name in file.tags]
    tagged = sum(tag in given for given, tag in zip(tags, file.tags.values(), strict=True))
    return tagged, len(file.tags) - tagged, wrong


def assert_corpus(numbers: Iterable[int], tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "shop"
    folder.mkdir(parents=True)
    wrong: dict[str, str] = {}
    fields: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for number in numbers:
        file = export(number)
        tagged, untagged, problem = judge(file, folder / f"export{number}-20260601.csv")
        fields.update(tagged=tagged, untagged=untagged)
        kinds[f"{file.damage}: files"] += 1
        kinds[f"{file.damage}: fields without their tag"] += untagged
        if problem:
            name = f"{number} {file.family} {file.dialect} {file.damage} {file.forms}"
            wrong[name] = problem
            kinds[f"{file.damage}: files that lose rows"] += 1
    for kind, count in sorted(kinds.items()):
        print(f"{kind}: {count}")
    assert wrong == {}
    assert fields["tagged"] >= TAGGED * fields.total(), fields


def test_a_part_of_the_corpus_loads_as_proposed(tmp_path: Path) -> None:
    assert_corpus(range(0, EXPORTS, SAMPLE_STEP), tmp_path)


@pytest.mark.slow
def test_the_whole_corpus_loads_as_proposed(tmp_path: Path) -> None:
    assert_corpus(range(EXPORTS), tmp_path)
