"""Regions as the account has them: opted in or not, answering or not."""

from __future__ import annotations

from benchtui.aws.errors import CloudError
from benchtui.aws.session import Cloud
from benchtui.core.text import clean_line


async def opt_in_of(cloud: Cloud, region: str) -> str | None:
    """``opt-in-not-required``, ``opted-in`` or ``not-opted-in``; None: EC2 knows no such region.

    Raises:
        CloudError: EC2 did not say.
    """
    asked = {"AllRegions": True, "RegionNames": [region]}
    for asked_in in dict.fromkeys((cloud.regions[0], "us-east-1")):
        try:
            answer = await cloud.call("ec2", asked_in, "DescribeRegions", asked, expect=("Regions",))
        except CloudError as error:
            if error.failure.code == "InvalidParameterValue":
                return None
            # A region that is not enabled refuses to speak of itself, too.
            if asked_in == region and error.failure.code in ("AuthFailure", "OptInRequired"):
                continue
            raise
        rows = [row for row in answer["Regions"] if row.get("RegionName") == region]
        return clean_line(str(rows[0].get("OptInStatus", "")), 40) if rows else None
    return "not-opted-in"


async def answers(cloud: Cloud, region: str) -> None:
    """Make sure that EC2 answers in ``region``.

    Raises:
        CloudError: it does not, or refuses.
    """
    asked = {"RegionNames": [region]}
    await cloud.call("ec2", region, "DescribeRegions", asked, expect=("Regions",))
