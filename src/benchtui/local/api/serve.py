"""Put a cloud together: moto with every change, restored buckets, the account as setup leaves one."""

from __future__ import annotations

from pathlib import Path

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from ..options import LocalOptions
from ..provision import provision_bucket, provision_roles, provision_security_groups
from ..state import ACCOUNT_ID
from . import default_vpc, images, instance_types, instances, launch, regions, spot_prices, spot_requests
from .calls import parse_call
from .cloud import Cloud
from .hooks import replace
from .identity import Keys, RoleSessions, install_administrator
from .inside import inside
from .persistence import BucketStore
from .private_routes import PrivateRoutes
from .schedules import ScheduleStore
from .server import Application


def policies_are_ours() -> None:
    """Keep moto from judging by bucket policies, whose conditions it takes as met; it is done before."""
    replace(FakeBucket, "get_permission", lambda *_args: PermissionResult.PERMITTED)


def build(options: LocalOptions, state_dir: Path, token: str, keys: Keys) -> Application:
    """The application of one local cloud. Changes moto for the whole process: once per process."""
    cloud = Cloud(options)
    instance_types.install(cloud.types)
    default_vpc.install()
    images.install()
    regions.install(options.regions)
    instances.install(cloud)
    launch.install(cloud)
    spot_prices.install(cloud)
    spot_requests.install(cloud)
    policies_are_ours()
    install_administrator(keys)
    if not options.bare:
        provision_security_groups()
        provision_roles()
    sessions = RoleSessions(cloud.clock)
    cloud.lifecycle.on_forgotten.append(sessions.forget)
    application = Application(
        cloud,
        PrivateRoutes(cloud, token, sessions),
        BucketStore(state_dir / "buckets", ACCOUNT_ID),
        ScheduleStore(cloud.clock, state_dir / "schedules.json"),
    )
    cloud.after_jump.append(application.firing.fire_due)

    def send(method: str, target: str, region: str, headers: dict[str, str], body: bytes) -> int:
        return carry_out_inside(application, keys, method, target, region, headers, body)

    application.store.restore(send)
    if not options.bare:
        provision_bucket(send)
    return application


def carry_out_inside(
    application: Application,
    keys: Keys,
    method: str,
    target: str,
    region: str,
    headers: dict[str, str],
    body: bytes,
) -> int:
    """Carry out an S3 request without a connection; returns its status."""
    environ = inside(keys.access_key_id, "s3", region, method, target, headers, body)
    return application.carry_out(parse_call(environ, body), environ).status
