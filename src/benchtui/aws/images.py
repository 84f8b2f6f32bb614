"""Which machine image an instance boots: named by the config, found by AWS's public parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchtui.aws.errors import to_user_error
from benchtui.aws.failures import Failure, FailureKind
from benchtui.aws.session import Answer, Cloud

# The part of a parameter's name that says the architecture, by DescribeInstanceTypes' word for it.
_DEBIAN_ARCH = {"x86_64": "amd64", "arm64": "arm64"}
_AMI_ID = re.compile(r"ami-[0-9a-z]+")

#: Public SSM parameters. Ubuntu's form: "Finding Ubuntu images with the AWS SSM Parameter Store"
#: (discourse.ubuntu.com/t/15507); AL2023's: its user guide, "kernel-update"; Debian's as public projects use
#: it. AL2023's kernel is pinned: what "kernel-default" means changes every year, and results with it.
PARAMETERS = {
    "debian-12": "/aws/service/debian/release/12/latest/{debian}",
    "debian-13": "/aws/service/debian/release/13/latest/{debian}",
    "ubuntu-24.04": ("/aws/service/canonical/ubuntu/server/24.04/stable/current/{debian}/hvm/ebs-gp3/ami-id"),
    "al2023": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.12-{arch}",
}


@dataclass(frozen=True, slots=True)
class BlockDevice:
    """An EBS volume that the image brings."""

    device_name: str
    size_gib: int | None  # of its snapshot; None when the image does not say


@dataclass(frozen=True, slots=True)
class Image:
    """A machine image of one region."""

    image_id: str
    name: str
    arch: str  # x86_64 or arm64
    root_device: str  # /dev/xvda
    block_devices: tuple[BlockDevice, ...]  # EBS volumes, the root's among them
    parameter: str | None = None  # SSM parameter it was found by

    @property
    def root_gib(self) -> int:
        """Least size of the root volume, GiB."""
        sizes = [d.size_gib or 0 for d in self.block_devices if d.device_name == self.root_device]
        return max(sizes, default=0)


async def resolve_image(cloud: Cloud, region: str, image: str, arch: str) -> Image:
    """The image that ``image`` means in ``region`` today for ``arch``.

    Args:
        image: a name of `PARAMETERS`, or an AMI id.
        arch: ``x86_64`` or ``arm64``.

    Raises:
        CloudError: AWS does not have it, or it is of another architecture, or AWS did not answer.
    """
    parameter = None
    image_id = image
    if not _AMI_ID.fullmatch(image):
        parameter = _parameter(region, image, arch)
        answer = await cloud.call(
            "ssm", region, "GetParameter", {"Name": parameter}, expect=("Parameter",), subject=parameter
        )
        image_id = str(answer["Parameter"].get("Value", ""))
    rows = await cloud.pages("ec2", region, "DescribeImages", {"ImageIds": [image_id]}, item="Images")
    row = next((row for row in rows if row.get("ImageId") == image_id), None)
    if row is None:
        raise _refused(region, FailureKind.MISSING, "InvalidAMIID.NotFound", f"no image {image_id!r}")
    found = _image(row, parameter)
    if found.arch != arch:
        raise _refused(
            region,
            FailureKind.INVALID,
            "ImageArchitecture",
            f"{found.image_id} is an image for {found.arch}, the instance type is {arch}",
        )
    if not found.block_devices:
        raise _refused(
            region, FailureKind.INVALID, "ImageRootDevice", f"{found.image_id} has no EBS root volume"
        )
    return found


def _parameter(region: str, image: str, arch: str) -> str:
    pattern, debian = PARAMETERS.get(image), _DEBIAN_ARCH.get(arch)
    if pattern is None or debian is None:
        known = ", ".join(sorted(PARAMETERS))
        message = f"{image!r} for {arch!r}: images are {known} or an AMI id, for x86_64 or arm64"
        raise _refused(region, FailureKind.INVALID, "ImageName", message)
    return pattern.format(debian=debian, arch=arch)


def _image(row: Answer, parameter: str | None) -> Image:
    devices = tuple(
        BlockDevice(mapping["DeviceName"], mapping["Ebs"].get("VolumeSize"))
        for mapping in row.get("BlockDeviceMappings", ())
        if mapping.get("Ebs") and mapping.get("DeviceName")
    )
    return Image(
        image_id=row["ImageId"],
        name=row.get("Name", ""),
        arch=row.get("Architecture", ""),
        root_device=row.get("RootDeviceName", ""),
        block_devices=devices,
        parameter=parameter,
    )


def _refused(region: str, kind: FailureKind, code: str, message: str) -> Exception:
    return to_user_error(Failure(kind, code, message, region, "DescribeImages"))
