"""python -m tests.chaos.ledger: parts of a campaign against real services, until the minutes are over.

Exits with 1 where a history breaks a rule, or no fault of a kind that was injected has hit anything.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from tests.chaos.ledger.checker import judge
from tests.chaos.ledger.clients import Crowd
from tests.chaos.ledger.evidence import OVER, read_evidence
from tests.chaos.ledger.faults import MIXES
from tests.chaos.ledger.figures import Tally, lines_of, tally
from tests.chaos.ledger.one_thread import require_one_thread
from tests.chaos.ledger.part import Dialect, NoDatabase, PartPlan, play
from tests.chaos.ledger.recording import read_history

VERBS = ("cancel", "cancel", "pause", "pause", "pause", "resume", "resume", "delete", "patch", "clone")
CROWDS = {
    "broker": Crowd(submitters=4, most=40, long_share=0.0, verb_pause_seconds=4.0),
}
"""Of mixes that need others than the usual: many small jobs, where POSTs are what counts."""
TOLD = {
    "lost": ("I1 accepted is kept", "I2 each ends once"),
    "doubled": ("I1 one job for a key", "I4 one attempt at a time", "I6 history is whole", "told as it was"),
    "other bits": ("I7 bits", "I8 stored bytes", "I12 digests"),
    "stale writes taken": ("I5 writes are fenced", "I5 checkpoints"),
    "internal errors": ("answers are known", "I9 failed for cause"),
}
"""What people ask for first, by the rules that would have found it."""


@dataclass(kw_only=True)
class Campaign:
    """What was played so far, as the folder's state file has it."""

    folder: Path
    tallies: dict[str, Tally] = field(default_factory=dict)
    next_part: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The state file."""
        return self.folder / "state.json"

    def load(self) -> None:
        """Go on where another run stopped."""
        if self.path.exists():
            told = json.loads(self.path.read_text())
            self.next_part, self.wrong = told["next_part"], told["wrong"]
            self.tallies = {name: Tally.from_json(each) for name, each in told["tallies"].items()}

    def save(self) -> None:
        """Write the state, whole or not at all."""
        told = {
            "next_part": self.next_part,
            "wrong": self.wrong,
            "tallies": {name: each.to_json() for name, each in self.tallies.items()},
        }
        partial = self.path.with_suffix(".new")
        partial.write_text(json.dumps(told))
        partial.replace(self.path)

    def play(self, plan: PartPlan) -> None:
        """Play a part, judge it and add it up."""
        history = self.folder / f"part-{plan.number:04}.jsonl.gz"
        play(plan, history)
        found = tally(read_evidence(read_history(history)))
        wrong = [f"part {plan.number}: {one.rule}: {one.text}" for one in judge(read_history(history))]
        wrong += [f"part {plan.number}: {text}" for text in _vain(found)]
        struck, hit = sum(found.injected.values()), sum(found.hit.values())
        jobs = sum(found.jobs[status] for status in OVER)
        what = f"{plan.mix} on {plan.dialect}: {struck} faults, {hit} hit, {jobs} jobs, {len(wrong)} wrong"
        _say(f"part {plan.number}: {what}", *wrong)
        self.tallies.setdefault(plan.dialect, Tally()).add(found)
        self.wrong += wrong
        self.next_part = plan.number + 1
        self.save()


def _vain(found: Tally) -> list[str]:
    """A part whose faults have met nothing has shown nothing."""
    return [] if sum(found.hit.values()) else ["no fault has hit anything"]


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, _leave)
    with tempfile.TemporaryDirectory(prefix="chaos-histories-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        campaign = Campaign(folder=folder)
        campaign.load()
        try:
            _play_until(campaign, options)
        except KeyboardInterrupt:
            _say("stopped; the same folder goes on from here")
        except NoDatabase as error:
            _say(str(error))
            return 1
        _report(campaign)
        if campaign.wrong and options.folder is None:
            _say("with FOLDER=DIR the histories stay, to be looked at")
    return int(bool(campaign.wrong))


def _play_until(campaign: Campaign, options: argparse.Namespace) -> None:
    until = time.monotonic() + 60 * options.minutes
    first = campaign.next_part
    for number in range(first, first + options.parts):
        if number > first and time.monotonic() + options.seconds > until:
            return
        dialects: list[Dialect] = [options.database] if options.database else list(get_args(Dialect))
        mixes = [options.mix] if options.mix else list(MIXES)
        dialect = dialects[number % len(dialects)]
        mix = mixes[number // len(dialects) % len(mixes)]
        if mix == "postgresql" and dialect == "sqlite":
            mix = "kills"
        plan = PartPlan(number=number, seed=options.seed, mix=mix, dialect=dialect, seconds=options.seconds)
        crowd = replace(CROWDS.get(mix, plan.crowd), verbs=VERBS)
        campaign.play(replace(plan, crowd=crowd))


def _report(campaign: Campaign) -> None:
    for dialect, found in campaign.tallies.items():
        _say(f"{dialect}:", *(f"  {line}" for line in lines_of(found)))
    counts = (
        f"{what} {sum(rule in text for text in campaign.wrong for rule in rules)}"
        for what, rules in TOLD.items()
    )
    _say(", ".join(counts))
    _say(f"wrong: {len(campaign.wrong) or 'none'}", *(f"  {text}" for text in campaign.wrong))


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _leave(number: int, frame: Any) -> None:  # noqa: ARG001  (Python's signature)
    raise KeyboardInterrupt


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make chaos", epilog="With make: make chaos SEED=1 MINUTES=5 FOLDER=DIR"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="begin no part that would end after so many"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long a part is broken")
    parser.add_argument("--parts", type=int, default=10**6, help="play no more than so many")
    parser.add_argument("--folder", type=Path, help="where histories stay, and from where a campaign goes on")
    parser.add_argument("--database", choices=get_args(Dialect))
    parser.add_argument("--mix", choices=list(MIXES))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    require_one_thread("tests.chaos.ledger")
    sys.exit(main(sys.argv[1:]))
