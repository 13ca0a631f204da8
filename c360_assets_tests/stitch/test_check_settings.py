"""Checks of `stitch.yaml`, each by a tenant that is wrong in one way."""

from __future__ import annotations

from pathlib import Path

import pytest

from c360_assets_tests.tenant.right_tenant import (
    ERROR,
    WARNING,
    Case,
    assert_one_problem,
    problems_after,
)

CASES: dict[str, Case] = {
    "stitch table": (
        {"stitch.yaml": "tables: [Shop:Customer]\n"},
        ERROR,
        1,
        "did you mean 'Shop:Customers'?",
    ),
    "stitch table off": (
        {"stitch.yaml": "tables: [Shop:Customers, Shop:Orders]\n"},
        ERROR,
        1,
        "is not available to Stitch",
    ),
    "stitch left out": ({"stitch.yaml": "tables: []\n"}, WARNING, 1, "is left out"),
    "bad value rule": (
        {
            "stitch.yaml": (
                "bad_values:\n  rules: [{semantic: emial, proxy: surname, threshold: 3}]\n"
            )
        },
        ERROR,
        2,
        "'email'?",
    ),
    "condition": (
        {
            "stitch.yaml": (
                "matching:\n  rules:\n    - {action: cluster, "
                "when: [{present-and-equals: "
                "email}]}\n"
            )
        },
        ERROR,
        3,
        "did you mean 'present-and-equal'?",
    ),
    **{
        f"stitch {text}": ({"stitch.yaml": text + "\n"}, severity, 1, message)
        for text, severity, message in (
            (
                "blocking: {strategies: [email, dnf99]}",
                ERROR,
                "strategies[1]: dnf99 cannot be used here",
            ),
            (
                "blocking: {strategies: [{name: ful_name, limit: 9}]}",
                ERROR,
                "did you mean 'full-name'?",
            ),
            (
                "blocking: {strategies: [fk-member]}",
                ERROR,
                "no field of a stitched table is tagged fk-member",
            ),
            (
                "clustering: {conflict_fields: [surname]}",
                ERROR,
                "known: birthdate, generational-suffix, given-name, middle-name",
            ),
            ("clustering: {conflict_fields: {sk-brand: never}}", ERROR, "is tagged sk-brand"),
            (
                "matching: {rules: [{action: cluster, when: [{present-and-equal: emial}]}]}",
                ERROR,
                "did you mean 'email'?",
            ),
            (
                "matching: {rules: [{action: cluster, when: [{present-and-equal: city}]}]}",
                ERROR,
                "city cannot be used here",
            ),
            (
                (
                    "matching: {rules: [{action: cluster, when: [{present-and-equal: "
                    "fk-custommer-id}]}]}"
                ),
                WARNING,
                "'fk-customer-id'?",
            ),
            ("run: {one_to_one: true}", ERROR, "is tagged ck"),
            ("run: {one_to_one: true, force: true}", ERROR, "a forced run matches"),
            ("force-stitch: true", ERROR, "write `run: {force: true}`"),
            ("enable-staple?: true", ERROR, "write `matching: {staple: {enabled: true}}`"),
            ("parallelism: 2", ERROR, "every core is used"),
            ("stable_ids: {partition_count: 4}", ERROR, "assigned in one piece"),
            ("matching: {rules: [{action: cluster, when: [{}]}]}", ERROR, "must be one condition"),
            (
                "matching: {rules: [{action: cluster, when: [{present-and-equals: email}]}]}",
                ERROR,
                "did you mean 'present-and-equal'?",
            ),
            ("bad_values: {ignore: {gender: [X]}}", ERROR, "no list of values can be given"),
            ("bad_values: {preprocessing_profiles: [none]}", ERROR, "none is unknown"),
            (
                (
                    "matching: {rules: [{action: cluster, when: [{present-and-equal: email, "
                    "fuzzy-similar: phone}]}]}"
                ),
                ERROR,
                "must be one condition",
            ),
            ("outputs: {unified_score: false}", ERROR, "did you mean 'unified_scores'?"),
            ("outputs: {unified_coalesced: false}", ERROR, "cannot be switched off"),
            ("outputs: {unified_scores: none}", ERROR, "must be true or false"),
        )
    },
}


@pytest.mark.parametrize("case", CASES)
def test_one_wrong_setting_makes_one_problem(tmp_path: Path, case: str) -> None:
    assert_one_problem(tmp_path, CASES[case])


@pytest.mark.parametrize(
    "right",
    [
        (
            "bad_values: {preprocessing_profiles: [normalize-gender, prioritize-src-gender, "
            "allow-business-email]}"
        ),
        "blocking: {strategies: [fk, fk-customer-id, bk-card, {name: dnf2, limit: 50}]}",
        "clustering: {conflict_fields: [given-name, birthdate]}",
        (
            "matching: {rules: [{action: separate, when: [fuzzy/different-generations, "
            "{fuzzy-similar: email}]}]}"
        ),
        "outputs: {unified_changes: false, stitch_scores: all}",
    ],
)
def test_settings_of_stitch_that_it_knows_are_not_objected_to(tmp_path: Path, right: str) -> None:
    assert problems_after(tmp_path, {"stitch.yaml": right + "\n"}) == []
