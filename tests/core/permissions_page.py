"""docs/PERMISSIONS.md, made of the policies: `python -m tests.core.permissions_page`."""

from __future__ import annotations

from pathlib import Path

from benchtui.core.policies import FOR_PEOPLE, Policy, Scope, all_policies

PAGE = Path(__file__).parents[2] / "docs" / "PERMISSIONS.md"
SCOPE = Scope("123456789012", "benchtui-123456789012-us-east-1")
#: Everything below this line is made; what stands above it is written by hand.
MARK = "<!-- policies: made by python -m tests.core.permissions_page -->\n"


def page() -> str:
    """The whole page: what is written by hand, then the policies."""
    above = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    people = {make(SCOPE).name for make in FOR_PEOPLE}
    policies = all_policies(SCOPE)
    parts = [above + MARK, "## For people and scripts\n"]
    parts += [_section(policy) for policy in policies if policy.name in people]
    parts.append("## Made by setup\n")
    parts += [_section(policy) for policy in policies if policy.name not in people]
    return "\n".join(parts)


def _section(policy: Policy) -> str:
    why = "\n".join(f"- **{each.sid}**: {each.why}" for each in policy.statements)
    size = f"{policy.size:,} of {policy.limit:,} characters."
    return f"### {policy.name}\n\n{policy.about} {size}\n\n{why}\n\n```json\n{policy.document_text()}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
