"""Volumes of a new instance: the image's block device mapping with the request's laid over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import ec2_error


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """One volume to create and attach. Size in GiB."""

    device: str
    size_gib: int
    volume_type: str
    encrypted: bool
    delete_on_termination: bool
    snapshot_id: str | None = None
    kms_key_id: str | None = None
    iops: int | None = None
    throughput: int | None = None


def volumes_of(mappings: list[dict[str, Any]], image: Any) -> list[VolumeSpec]:
    """Volumes as EC2 makes them: what the request leaves out of a device of the image comes from the image.

    A device name the image does not know is another volume, which outlives the instance unless the request
    says otherwise. Raises EC2's MissingParameter and InvalidBlockDeviceMapping.
    """
    own: dict[str, dict[str, Any]] = {m["DeviceName"]: dict(m["Ebs"]) for m in image.block_device_mappings}
    merged: dict[str, dict[str, Any] | None] = dict(own)
    for mapping in mappings:
        device = mapping.get("DeviceName")
        if not device:
            raise ec2_error("MissingParameter", "The request must contain the parameter deviceName")
        if "NoDevice" in mapping or mapping.get("VirtualName"):
            merged[device] = None
            continue
        asked = {k: v for k, v in (mapping.get("Ebs") or {}).items() if v is not None}
        if device in own:
            smallest = own[device]["VolumeSize"]
            if int(asked.get("VolumeSize", smallest)) < smallest:
                raise ec2_error(
                    "InvalidBlockDeviceMapping",
                    f"Volume of size {asked['VolumeSize']}GB is smaller than snapshot "
                    f"'{own[device]['SnapshotId']}', "
                    f"expect size >= {smallest}GB",
                )
            merged[device] = own[device] | asked
        elif not asked.get("VolumeSize") and not asked.get("SnapshotId"):
            raise ec2_error("MissingParameter", "The request must contain the parameter size or snapshotId")
        else:
            merged[device] = {"VolumeType": "gp2", "DeleteOnTermination": False} | asked
    if merged.get(image.root_device_name) is None:
        raise ec2_error("InvalidBlockDeviceMapping", "The root device cannot be removed")
    return [_spec(device, ebs) for device, ebs in merged.items() if ebs is not None]


def _spec(device: str, ebs: dict[str, Any]) -> VolumeSpec:
    return VolumeSpec(
        device=device,
        size_gib=int(ebs.get("VolumeSize") or 8),
        volume_type=ebs.get("VolumeType") or "gp2",
        encrypted=bool(ebs.get("Encrypted") or ebs.get("KmsKeyId")),
        delete_on_termination=bool(ebs.get("DeleteOnTermination")),
        snapshot_id=ebs.get("SnapshotId"),
        kms_key_id=ebs.get("KmsKeyId"),
        iops=ebs.get("Iops"),
        throughput=ebs.get("Throughput"),
    )


def attach_volumes(backend: Any, instance: Any, specs: list[VolumeSpec], tags: dict[str, str]) -> None:
    """Create, attach and tag the volumes. A region that encrypts by default encrypts them all."""
    always = bool(getattr(backend, "ebs_encryption_by_default", False))
    for spec in specs:
        volume = backend.create_volume(
            size=spec.size_gib,
            zone_name=instance.availability_zone,
            snapshot_id=spec.snapshot_id,
            encrypted=spec.encrypted or always,
            kms_key_id=spec.kms_key_id,
            volume_type=spec.volume_type,
            iops=spec.iops or (3000 if spec.volume_type == "gp3" else None),
            throughput=spec.throughput or (125 if spec.volume_type == "gp3" else None),
        )
        backend.attach_volume(volume.id, instance.id, spec.device, spec.delete_on_termination)
        volume.add_tags(tags)
