"""What the role of an instance may do: speak, fetch its bundle, hear the order to stop. Its policy as data.

`docs/SAFETY.md` shows the same document, and the local cloud's instances work under it; tests assert both.
"""

from __future__ import annotations

from typing import Any

PROFILE = "benchtui-instance"
#: A run's id has so many characters: a suite of the user's own may be called ``control``.
RUN = "?" * len("20261124-021533-k3f7")
#: Below a run, for launchers and people alone: an instance could else hold or free money, or stop a run.
NOT_ITS_OWN = ("reservations", "control")


def instance_policy(bucket: str, partition: str = "aws") -> dict[str, Any]:
    """What the instance's role may do. It has no right to list, and none of EC2."""
    arn = f"arn:{partition}:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Speak",
                "Effect": "Allow",
                "Action": "s3:PutObject",
                "Resource": [f"{arn}/benchmarks/*/{part}/*" for part in ("events", "heartbeats", "jobs")],
            },
            {
                "Sid": "FetchAndHear",
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": [f"{arn}/payloads/*", f"{arn}/benchmarks/*/control/kill"],
            },
            {
                "Sid": "NeitherMoneyNorOrders",
                "Effect": "Deny",
                "Action": ["s3:PutObject", "s3:DeleteObject"],
                "Resource": [f"{arn}/benchmarks/{RUN}/{part}/*" for part in NOT_ITS_OWN],
            },
        ],
    }
