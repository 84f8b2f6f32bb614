"""Images of the local cloud, and the public SSM parameters that name them.

The ids are invented per region but stable; every image runs on this machine's own operating system, whatever
its name says, and says so in its description.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any

from moto.ec2.models.amis import Ami, AmiBackend
from moto.ssm.models import Parameter, ParameterDict

from .errors import ec2_error
from .hooks import replace

ROOT_GIB = 8
AWS_PREFIX = "/aws/service/"


@dataclass(frozen=True, slots=True)
class Image:
    """One public image: what DescribeImages shows and which SSM parameter leads to it."""

    name: str
    title: str
    architecture: str
    parameter: str
    owner: str
    owner_alias: str | None
    root_device: str

    def ami_id(self, region: str) -> str:
        return "ami-" + hashlib.sha256(f"{region}/{self.name}".encode()).hexdigest()[:17]


def _images() -> tuple[Image, ...]:
    rows: list[Image] = []
    for arch, debian in (("x86_64", "amd64"), ("arm64", "arm64")):
        rows += [
            Image(
                f"debian-{release}-{debian}-local",
                f"Debian {release} ({debian})",
                arch,
                f"{AWS_PREFIX}debian/release/{release}/latest/{debian}",
                "136693071363",
                None,
                "/dev/xvda",
            )
            for release in ("12", "13")
        ]
        rows.append(
            Image(
                f"ubuntu-24.04-{debian}-local",
                f"Ubuntu 24.04 ({debian})",
                arch,
                f"{AWS_PREFIX}canonical/ubuntu/server/24.04/stable/current/{debian}/hvm/ebs-gp3/ami-id",
                "099720109477",
                None,
                "/dev/sda1",
            )
        )
        rows += [
            Image(
                f"al2023-ami-kernel-{kernel}-{arch}-local",
                f"Amazon Linux 2023, kernel {kernel} ({arch})",
                arch,
                f"{AWS_PREFIX}ami-amazon-linux-latest/al2023-ami-kernel-{kernel}-{arch}",
                "137112412989",
                "amazon",
                "/dev/xvda",
            )
            for kernel in ("6.12", "6.18")
        ]
    return tuple(rows)


IMAGES = _images()
PARAMETERS = {image.parameter: image for image in IMAGES}
CREATED = dt.datetime(2026, 11, 1, tzinfo=dt.UTC).replace(tzinfo=None)  # moto's times are naive UTC


def resolve(region: str, image_id: str, backend: Any) -> Any:
    """The moto AMI of an image id or a `resolve:ssm:` reference.

    Raises EC2's InvalidAMIID.Malformed or InvalidAMIID.NotFound, InvalidParameterValue for an unknown
    parameter.
    """
    if image_id.startswith("resolve:ssm:"):
        name = image_id.removeprefix("resolve:ssm:")
        if name not in PARAMETERS:
            raise ec2_error("InvalidParameterValue", f"Could not resolve the AMI from the parameter {name}")
        image_id = PARAMETERS[name].ami_id(region)
    suffix = image_id.removeprefix("ami-")
    if suffix == image_id or not suffix or not all(c in "0123456789abcdef" for c in suffix):
        raise ec2_error("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')
    if image_id not in backend.amis:
        raise ec2_error("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    return backend.amis[image_id]


def install() -> None:
    """Replace moto's images by ours in every region, and answer the public SSM parameters."""

    def load_amis(self: Any) -> None:
        for image in IMAGES:
            ami_id = image.ami_id(self.region_name)
            self.amis[ami_id] = Ami(
                self,
                ami_id,
                name=image.name,
                description=f"{image.title}; local cloud: runs on this machine's own system",
                owner_id=image.owner,
                owner_alias=image.owner_alias,
                public=True,
                virtualization_type="hvm",
                architecture=image.architecture,
                creation_date=CREATED,
                hypervisor="xen",
                image_location=f"{image.owner}/{image.name}",
                root_device_type="ebs",
                root_device_name=image.root_device,
                region_name=f"{self.region_name}a",
            )

    def block_device_mappings(self: Any) -> list[dict[str, Any]]:
        ebs = {
            "SnapshotId": self.ebs_snapshot.id,
            "VolumeSize": ROOT_GIB,
            "DeleteOnTermination": True,
            "VolumeType": "gp3",
            "Encrypted": False,
        }
        return [{"DeviceName": self.root_device_name, "Ebs": ebs}]

    def check_loading_status(self: Any, key: str) -> None:
        if not str(key or "").startswith("/aws/") or getattr(self, "local_images_loaded", False):
            return
        self.local_images_loaded = True
        for image in IMAGES:
            parameter = Parameter(  # type: ignore[abstract, unused-ignore]
                account_id=self.account_id,
                name=image.parameter,
                value=image.ami_id(self.region_name),
                parameter_type="String",
                description=None,
                allowed_pattern=None,
                keyid=None,
                last_modified_date=CREATED,
                version=1,
                data_type="aws:ec2:image",
            )
            self.setdefault(image.parameter, []).append(parameter)

    replace(AmiBackend, "_load_amis", load_amis)
    replace(Ami, "block_device_mappings", property(block_device_mappings))
    replace(ParameterDict, "_check_loading_status", check_loading_status)
