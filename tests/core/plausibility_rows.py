"""Stored rows with their verdicts; ``python -m tests.core.plausibility_rows`` prints label × verdict."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchtui.core.plausibility import Judgement, Plausibility, judge
from benchtui.core.plausibility.foreign import claim_of

FIXTURES = Path(__file__).parents[1] / "fixtures"
LABELS = ("fake", "unclear", "genuine")


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of a file of stored results."""
    return [json.loads(line) for line in (FIXTURES / name).read_text().splitlines()]


def judged(stored: Sequence[dict[str, Any]]) -> tuple[Judgement, ...]:
    """The rows, judged beside each other."""
    return judge([claim_of(row) for row in stored])


def table(stored: Sequence[dict[str, Any]], judgements: Sequence[Judgement]) -> list[str]:
    """Label × verdict on the numbers, and how many may be ranked."""
    counts = Counter((row["label"], one.numbers) for row, one in zip(stored, judgements, strict=True))
    ranked = Counter(row["label"] for row, one in zip(stored, judgements, strict=True) if one.ranked)
    heading = f"{'label':<10}" + "".join(f"{verdict:>13}" for verdict in Plausibility) + f"{'ranked':>13}"
    return [heading] + [
        f"{label:<10}"
        + "".join(f"{counts[label, verdict]:>13}" for verdict in Plausibility)
        + f"{ranked[label]:>13}"
        for label in LABELS
    ]


def main() -> None:
    """Print the tables, and every row whose rules are others than those it is labelled with."""
    for name in ("seed-results.jsonl", "other-results.jsonl"):
        stored = rows(name)
        judgements = judged(stored)
        alone = [judged([row])[0] for row in stored]
        print(f"{name}, {len(stored)} rows beside each other", *table(stored, judgements), sep="\n")
        print(f"{name}, each row alone", *table(stored, alone), sep="\n")
        labelled = [(row, one) for row, one in zip(stored, judgements, strict=True) if "rules" in row]
        same = sum(set(row["rules"]) == set(one.rules) for row, one in labelled)
        if labelled:
            print(f"{same} of {len(labelled)} rows break exactly the rules they are labelled with")
        rules = Counter(rule for one in judgements for rule in one.rules)
        print(*(f"  {count:>3} {rule}" for rule, count in sorted(rules.items())), "", sep="\n")


if __name__ == "__main__":
    main()
