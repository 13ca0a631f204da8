"""Nobody who was forgotten is there: what every run and every reading of a kept file begins with.

Ends work that was begun, and cleans what came back with a backup. Rows that land again are kept out
by `ingest.forgotten`.
"""

from __future__ import annotations

from c360_assets.errors import C360Error
from c360_assets.privacy.erase_files import drop_versions
from c360_assets.privacy.forget import Progress, begin, carry_out, unheard
from c360_assets.privacy.forgotten_rows import returned_rows
from c360_assets.privacy.label_rows import erase_answers
from c360_assets.privacy.people import Finder, Found
from c360_assets.privacy.receipts import MARK, last_receipt, read_receipts
from c360_assets.privacy.removals import pending_receivers
from c360_assets.privacy.restored import (
    drop_returned_files,
    unknown_files,
    unknown_publications,
)
from c360_assets.privacy.work import RESTORED, open_work
from c360_assets.stitch.review.answers import ANSWERS_FILE
from c360_assets.tenant.models import Tenant
from c360_assets.warehouse.session import Warehouse, open_session
from c360_assets.warehouse.suppression import Suppression
from c360_assets.wording import counted


def enforce(tenant: Tenant, progress: Progress = unheard) -> list[str]:
    """What every run and every reading of a kept file begins with: nobody who was forgotten is
    there. Returns sentences about what had to be done.

    Ends work that was begun, and cleans a warehouse or a database file that is older than the last
    receipt. The caller owns the tenant. Costs nothing where nobody was ever forgotten.
    """
    root = tenant.root
    done = []
    for work in open_work(root):
        if work.receipt in {receipt.receipt for receipt in read_receipts(root)}:
            work.done(root)
            continue
        receipt = carry_out(tenant, work, progress)
        done.append(f"forgetting that was interrupted is done, receipt {receipt.receipt}")
    last = last_receipt(root)
    warehouse = Warehouse.open(root / "warehouse")
    marked = warehouse.manifest.meta.get(MARK, "")
    if marked > last:
        raise C360Error(
            f"receipt {marked} says that people were forgotten in these tables, and the folder "
            f"privacy/ here ends with receipt {last or 'none'}: copy that folder from the machine "
            "or the backup that has it; without it a run would bring them back"
        )
    if not last:
        return done
    is_older = bool(warehouse.manifest.tables) and marked != last
    if is_older:
        done += _clean_restored(tenant, last, progress)
    if unknown_files(root) or unknown_publications(tenant):
        done += _drop_restored_files(tenant)
    answers = erase_answers(root, Suppression.of(root), [])
    if answers:
        done.append(
            f"{counted(answers, 'answer')} of `c360 review` named people who were forgotten, and "
            f"{'is' if answers == 1 else 'are'} taken out of {ANSWERS_FILE.as_posix()}"
        )
    done += [
        f"receiver {name} has not confirmed a removal yet; `c360 privacy status` names it"
        for name in pending_receivers(root)
    ]
    return done


def _clean_restored(tenant: Tenant, last: str, progress: Progress) -> list[str]:
    """Take out whoever came back with a backup, by the hashes that loading holds rows against."""
    done = []
    suppression = Suppression.of(tenant.root)
    with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
        finder = Finder(session, tenant)
        rows = returned_rows(finder, suppression)
    for mode, returned in rows.items():
        with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
            finder = Finder(session, tenant)
            found = Found(returned, returned, finder.ids_of(returned))
            work = begin(
                finder, tenant, found, mode, strategy=RESTORED, asked_by="a restored backup"
            )
        receipt = carry_out(tenant, work, progress)
        last = receipt.receipt
        done.append(
            f"a restored warehouse held {counted(receipt.people, 'person', 'people')} of those "
            f"who were forgotten; all is taken out again, receipt {receipt.receipt}"
        )
    with open_session(tenant.root / "warehouse", tenant.config.timezone) as session:
        drop_versions(session.warehouse)
        session.commit(**{MARK: last})
    return done


def _drop_restored_files(tenant: Tenant) -> list[str]:
    dropped = drop_returned_files(tenant, Suppression.of(tenant.root))
    if not dropped:
        return []
    return [
        f"{', '.join(dropped)} held people who were forgotten, as a restored file does, and is "
        "removed; the next run publishes again"
    ]
