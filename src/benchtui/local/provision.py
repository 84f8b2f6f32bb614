"""What the local cloud's account holds, as `benchtui setup` leaves an account: bucket, roles, profile, "
"groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchtui.core.policies.bucket import bucket_policy
from benchtui.core.policies.model import Policy
from benchtui.core.policies.roles import instance_role, instance_trust, scheduler_role, scheduler_trust
from benchtui.core.policies.scope import SECURITY_GROUP, SETUP_TAG, Scope
from benchtui.core.policies.starting import starter_role, starter_trust

from . import bucket_bodies
from .state import ACCOUNT_ID, DEFAULT_REGION

BUCKET = f"benchtui-{ACCOUNT_ID}-{DEFAULT_REGION}"
SCOPE = Scope(ACCOUNT_ID, BUCKET)

Send = Callable[[str, str, str, dict[str, str], bytes], int]


def provision_security_groups() -> None:
    """Give every region, when first used, the group `benchtui` without inbound rules."""
    from moto.ec2.models import EC2Backend

    from .api.hooks import replace

    plain_init = EC2Backend.__init__

    def __init__(self: Any, region_name: str, account_id: str) -> None:
        plain_init(self, region_name, account_id)
        self.create_security_group(
            SECURITY_GROUP,
            "benchtui instances: nothing comes in",
            self.default_vpc.id,
            tags=dict([SETUP_TAG]),
        )

    replace(EC2Backend, "__init__", __init__)


def provision_roles() -> None:
    """Create role and instance profile `benchtui-instance`, and the role that schedules take on."""
    from moto.iam.models import iam_backends

    iam = iam_backends[ACCOUNT_ID]["aws"]
    roles: tuple[tuple[str, Policy, Policy], ...] = (
        (SCOPE.instance_profile, instance_trust(SCOPE), instance_role(SCOPE)),
        (SCOPE.scheduler_role, scheduler_trust(SCOPE), scheduler_role(SCOPE)),
        (SCOPE.starter_role, starter_trust(SCOPE), starter_role(SCOPE)),
    )
    tags = [{"Key": SETUP_TAG[0], "Value": SETUP_TAG[1]}]
    for name, trust, policy in roles:
        iam.create_role(
            role_name=name,
            assume_role_policy_document=trust.compact_text(),
            path="/",
            permissions_boundary=None,
            description=policy.about,
            tags=tags,
            max_session_duration="21600",
        )
        iam.put_role_policy(name, name, policy.compact_text())
    iam.create_instance_profile(SCOPE.instance_profile, "/", [SCOPE.instance_profile], tags)


def provision_bucket(send: Send) -> None:
    """Create the default bucket unless it was restored, and set it up.

    Raises RuntimeError when the API refuses, which only a broken installation explains.
    """
    steps = [
        (f"/{BUCKET}?tagging", bucket_bodies.TAGS),
        (f"/{BUCKET}?publicAccessBlock", bucket_bodies.BLOCK_ALL),
        (f"/{BUCKET}?ownershipControls", bucket_bodies.OWNED),
        (f"/{BUCKET}?encryption", bucket_bodies.ENCRYPTED),
        (f"/{BUCKET}?lifecycle", bucket_bodies.TIDY),
        (f"/{BUCKET}?policy", bucket_policy(SCOPE).compact_text().encode()),
    ]
    if send("HEAD", f"/{BUCKET}", DEFAULT_REGION, {}, b"") != 200:
        steps.insert(0, (f"/{BUCKET}", b""))
    for target, body in steps:
        status = send("PUT", target, DEFAULT_REGION, {}, body)
        if status not in (200, 204):
            raise RuntimeError(
                f"the local cloud could not prepare its bucket: PUT {target} answered {status}"
            )
