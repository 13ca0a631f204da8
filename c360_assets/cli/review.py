"""The verb `review`: what people should look at, and what they said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from c360_assets.cli.options import JsonOption, TenantOption, tenant_folder
from c360_assets.cli.output import err, out, print_json, reported_errors
from c360_assets.reporting.paths import short_path
from c360_assets.wording import counted


def review(
    tenant: TenantOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=5000, help="Questions to ask.")] = 50,
    answers: Annotated[
        Path | None,
        typer.Option(
            "--answers",
            help="Take the answers of this CSV: they become labels, which the next run obeys.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    withdraw: Annotated[
        list[str] | None,
        typer.Option("--withdraw", help="Take back the answer of this label_id; repeatable."),
    ] = None,
    train: Annotated[
        bool,
        typer.Option(
            "--train", help="Compare recordlinkage's classifiers with the model on the labels."
        ),
    ] = False,
    show_pii: Annotated[bool, typer.Option("--show-pii", help="Do not mask values.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Ask about the pairs of records whose answer would put most pairs right: near the cut, held
    together by a weak link, or vetoed against strong evidence. Writes reports/review.csv and
    reports/review.html.

    Examples: `c360 review --show-pii`, then `c360 review --answers reports/review.csv` and
    `c360 run`; labels outlive refits, and nothing is asked twice. `c360 review --withdraw
    review-fee8b0a2bc1d989d` takes an answer back.
    """
    with reported_errors():
        if (answers is not None) + bool(withdraw) + train > 1:
            raise typer.BadParameter("give one of --answers, --withdraw and --train")
        root = tenant_folder(tenant)
        if answers is not None:
            _take(root, answers, as_json)
        elif withdraw:
            _withdraw(root, withdraw, as_json)
        elif train:
            _train(root, as_json)
        else:
            _ask(root, limit, show_pii, as_json)


def _ask(root: Path, limit: int, show_pii: bool, as_json: bool) -> None:
    from c360_assets.reporting.published import open_published
    from c360_assets.reporting.review import write_review

    with open_published(root) as con:
        written = write_review(con, root, limit, show_pii=show_pii)
    if as_json:
        print_json(written)
        return
    for kind, count in written.by_kind().items():
        out.print(f"{count:>5}  {kind}", markup=False)
    if written.answered:
        out.print(f"{written.answered} answered ones are left out; the next `c360 run` obeys them")
    if not written.questions:
        out.print("There is nothing to ask.")
    for path in (written.csv, written.page):
        err.print(f"written: {short_path(path)}", markup=False)


def _take(root: Path, path: Path, as_json: bool) -> None:
    from c360_assets.reporting.review import take_answers

    taken = take_answers(root, path)
    answers = taken.answers
    for problem in answers.problems:
        err.print(f"! {problem}", style="yellow", markup=False)
    if as_json:
        print_json(
            {
                "same": answers.same,
                "different": answers.different,
                "unanswered": answers.unanswered,
                "replaced": taken.replaced,
                "forgotten": taken.forgotten,
                "problems": answers.problems,
                "labels": str(taken.labels),
            }
        )
        return
    out.print(
        f"{counted(answers.same, 'pair is', 'pairs are')} one person, "
        f"{counted(answers.different, 'is', 'are')} two; "
        f"{answers.unanswered} unanswered, {len(answers.problems)} not taken",
        markup=False,
    )
    if taken.replaced:
        out.print(f"{counted(taken.replaced, 'earlier answer')} said otherwise and no longer count")
    if taken.forgotten:
        out.print(f"{counted(taken.forgotten, 'answer')} not kept: forgotten people are named")
    err.print(f"labels: {short_path(taken.labels)}", markup=False)
    if taken.feed is not None:
        err.print(f"feed: {short_path(taken.feed)}", markup=False)
    err.print("The next `c360 run` obeys them.", markup=False)


def _withdraw(root: Path, names: list[str], as_json: bool) -> None:
    from c360_assets.reporting.review import withdraw_answers

    left = withdraw_answers(root, names)
    if as_json:
        print_json({"withdrawn": len(set(names)), "left": left})
        return
    out.print(f"{counted(len(set(names)), 'answer')} withdrawn, {left} left", markup=False)
    err.print("The next `c360 run` no longer obeys them.", markup=False)


def _train(root: Path, as_json: bool) -> None:
    from c360_assets.reporting.published import open_published
    from c360_assets.reporting.rows import print_rows
    from c360_assets.stitch.explain.records import PublishedStitch
    from c360_assets.stitch.review.training import compare_classifiers

    with open_published(root) as con:
        judged = compare_classifiers(PublishedStitch(con))
    if as_json:
        print_json(judged)
        return
    names = ("classifier", "precision", "recall", "F1", "right", "pairs")
    rows = [
        (item.classifier, item.precision, item.recall, item.f1, item.right, item.pairs)
        for item in judged
    ]
    print_rows(names, rows, out)
