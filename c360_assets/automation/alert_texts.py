"""What the person who reads an alert is told beside what happened: what to do, and the command.

A table by kind. What happened is said by whoever raises an alert; how it travels belongs to
`alert_channels`.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import date
from typing import Literal

from c360_assets.tenant.models import Tenant

Kind = Literal[
    "missing",  # a required feed's file did not come in its wait: the day goes on without it
    "stopped",  # the same, and the day does not begin
    "load_failed",  # a day could not be loaded
    "odd_entry",  # something in the landing folder looks like a file and is none
    "unreachable",  # a place could not be looked at
    "stitch_failed",  # Stitch failed for good
    "late",  # the activation is due and Stitch is not done
    "activation_failed",  # the activation failed for good
    "overdue",  # an asset is older than its freshness policy allows
    "runtime",  # a run takes longer than it may
    "configuration",  # the running service does not know what the files say now
    "silent",  # no sensor looks any more: the service is down
    "switched_off",  # somebody switched sensors or schedules off
    "unpublished",  # no publication in time
    "succeeded",  # the day is activated
    "recovered",  # the cause of an earlier alert is gone
]


@dataclass(frozen=True)
class Text:
    """A headline, what to do, and a command.

    `{feed}` and `{day}` stand for those of the alert; each command is given the tenant.
    """

    headline: str
    what_to_do: str
    command: str = "c360 status"


STATUS = "c360 status"
LOAD_DAY = "c360 load {feed} --from {day} --to {day}"
RESTART = "c360 ui"
TEXTS: dict[Kind, Text] = {
    "missing": Text(
        "did not come",
        "deliver the file: it is loaded when it lands, and the next Stitch takes it in",
        STATUS,
    ),
    "stopped": Text(
        "did not come, and the day waits for it",
        "deliver the file, or go on without it by the command",
        "c360 run",
    ),
    "load_failed": Text(
        "could not be loaded",
        "correct the file or the feed's YAML, then deliver the file again, or load it as it is",
        LOAD_DAY,
    ),
    "odd_entry": Text(
        "has something in its folder that is no file",
        "remove or rename it; the feed's files are loaded all the same",
        STATUS,
    ),
    "unreachable": Text(
        "cannot be looked at",
        "check the address, the network and the credentials; it is tried again by itself",
        STATUS,
    ),
    "stitch_failed": Text(
        "Stitch failed", "correct what its run says, then run it again", "c360 stitch"
    ),
    "late": Text(
        "the activation waits",
        "deliver what is missing: it activates by itself then; or go on by the command",
        "c360 run",
    ),
    "activation_failed": Text(
        "the activation failed",
        "correct what its run says, then activate again",
        "c360 activate",
    ),
    "overdue": Text(
        "is older than it may be", "look at what it waits for, and deliver or run it", STATUS
    ),
    "runtime": Text(
        "a run takes long",
        "look at it in the UI; a run that hangs can be terminated there, the next one goes on",
        STATUS,
    ),
    "configuration": Text(
        "the service does not know the configuration",
        "reload the code location `c360` in the UI, under Deployment, or restart the service",
        "c360 check",
    ),
    "silent": Text(
        "the service is down",
        "start it again (docs/production.md: `docker compose up -d`, or `systemctl restart "
        "c360.target`), or by the command; until then nothing is loaded",
        RESTART,
    ),
    "switched_off": Text(
        "part of the service is switched off",
        "switch it on in the UI, under Automation, once it may work again",
        STATUS,
    ),
    "unpublished": Text(
        "nothing was published in time",
        "look at what it waits for; the earlier database stays published",
        STATUS,
    ),
    "succeeded": Text("the day is activated", "nothing", STATUS),
    "recovered": Text("is well again", "nothing", STATUS),
}


def command(tenant: Tenant, kind: Kind, feed: str, day: date) -> str:
    """The command of the kind, as it can be pasted into a shell."""
    words = shlex.split(TEXTS[kind].command)
    filled = [word.format(feed=feed, day=day.isoformat()) for word in words]
    return shlex.join([*filled, "--tenant", str(tenant.root)])


def expected_file(tenant: Tenant, kind: Kind, feed_name: str) -> str:
    """Which file an alert of a delivery that did not come is about: the feed's pattern."""
    feed = tenant.feed(feed_name)
    if feed is None or kind not in ("missing", "stopped", "late", "overdue"):
        return ""
    return f"{feed.files.address.rstrip('/')}: {feed.files.pattern}"
