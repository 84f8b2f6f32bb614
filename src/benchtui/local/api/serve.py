"""Put a cloud together: moto with every change installed, restored buckets, the account as after setup."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from ..options import LocalOptions
from ..provision import provision_bucket, provision_role, provision_security_groups
from ..state import ACCOUNT_ID
from . import images, instance_types, instances, launch, regions, spot_prices, spot_requests
from .cloud import Cloud
from .identity import Keys, RoleSessions, install_administrator
from .persistence import BucketStore
from .private_routes import PrivateRoutes
from .server import Application


def build(options: LocalOptions, state_dir: Path, token: str, keys: Keys) -> Application:
    """The application of one local cloud. Changes moto for the whole process: once per process."""
    cloud = Cloud(options)
    instance_types.install(cloud.types)
    images.install()
    regions.install()
    instances.install(cloud)
    launch.install(cloud)
    spot_prices.install(cloud)
    spot_requests.install(cloud)
    provision_security_groups()
    install_administrator(keys)
    provision_role()
    sessions = RoleSessions(cloud.clock)
    cloud.lifecycle.on_forgotten.append(sessions.forget)
    application = Application(
        cloud, PrivateRoutes(cloud, token, sessions), BucketStore(state_dir / "buckets", ACCOUNT_ID)
    )

    def send(method: str, target: str, region: str, headers: dict[str, str], body: bytes) -> int:
        return carry_out_inside(application, keys, method, target, region, headers, body)

    application.store.restore(send)
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
    path, _, query = target.partition("?")
    scope = f"{keys.access_key_id}/20261101/{region}/s3/aws4_request"
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_URI": target,
        "RAW_URI": target,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "0",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=inside",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **headers,
    }
    from .calls import parse_call

    return application.carry_out(parse_call(environ, body), environ).status
