"""The account as an SDK client sees it: which method of which service answers what."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from benchtui.aws.session import Cloud
from tests.simulation.ec2 import ZONES, Ec2
from tests.simulation.network import URL, Network
from tests.simulation.s3 import S3
from tests.simulation.scheduler import Scheduler

ACCOUNT = "123456789012"
HOME = "us-east-1"
AWAY = "us-west-2"
REGIONS = (HOME, AWAY)
VCPUS = 2  # of every type
BUCKET = "benchtui-simulated"
Answer = dict[str, Any]
Serve = Callable[[str, Answer], Answer]  # region and parameters


class Account:
    """Every operation the engine uses, by service and name; one it has not met yet is a defect here."""

    def __init__(self, ec2: Ec2, s3: S3, scheduler: Scheduler) -> None:
        self._served: dict[tuple[str, str], Serve] = {
            ("ec2", "run_instances"): ec2.run_instances,
            ("ec2", "describe_instances"): ec2.describe_instances,
            ("ec2", "terminate_instances"): ec2.terminate_instances,
            ("ec2", "modify_instance_attribute"): ec2.modify_instance_attribute,
            ("ec2", "describe_regions"): _regions,
            ("ec2", "describe_instance_types"): _types,
            ("ec2", "describe_images"): _images,
            ("ec2", "describe_vpcs"): lambda *_: {"Vpcs": [{"VpcId": "vpc-1", "IsDefault": True}]},
            ("ec2", "describe_security_groups"): _groups,
            ("ec2", "describe_volumes"): lambda *_: {"Volumes": []},
            ("ec2", "describe_network_interfaces"): lambda *_: {"NetworkInterfaces": []},
            ("ec2", "describe_addresses"): lambda *_: {"Addresses": []},
            ("ec2", "describe_spot_instance_requests"): lambda *_: {"SpotInstanceRequests": []},
            ("s3", "put_object"): lambda _, params: s3.put_object(params),
            ("s3", "get_object"): lambda _, params: s3.get_object(params),
            ("s3", "head_object"): lambda _, params: s3.head_object(params),
            ("s3", "delete_object"): lambda _, params: s3.delete_object(params),
            ("s3", "list_objects_v2"): lambda _, params: s3.list_objects_v2(params),
            ("scheduler", "create_schedule"): scheduler.create_schedule,
            ("scheduler", "update_schedule"): scheduler.update_schedule,
            ("scheduler", "get_schedule"): scheduler.get_schedule,
            ("scheduler", "delete_schedule"): scheduler.delete_schedule,
            ("scheduler", "list_schedules"): scheduler.list_schedules,
            ("ssm", "get_parameter"): lambda *_: {"Parameter": {"Value": "ami-0123456789abcdef0"}},
            ("ssm", "describe_document"): lambda _, params: scheduler.describe_document(params),
            ("sts", "get_caller_identity"): lambda *_: {
                "Account": ACCOUNT,
                "Arn": f"arn:aws:iam::{ACCOUNT}:user/simulated",
            },
        }

    def serve(self, service: str, operation: str) -> Serve:
        """What answers an operation."""
        return self._served[service, operation]


class Client:
    """Stands where an SDK client would: its methods answer as the API does, some time later."""

    meta = SimpleNamespace(endpoint_url=URL)

    def __init__(self, account: Account, network: Network, who: str, service: str, region: str) -> None:
        self._account, self._network, self._who = account, network, who
        self._service, self._region = service, region

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        serve = self._account.serve(self._service, operation)

        async def send(**params: Any) -> Answer:
            return await self._network.request(
                self._who, self._service, self._region, operation, lambda: serve(self._region, params)
            )

        return send


class SimulatedCloud(Cloud):
    """The engine's own `Cloud` with its retries and its reading of errors; the clients alone are others."""

    account: Account
    network: Network
    who: str

    async def _open(self, service: str, region: str) -> Any:
        return Client(self.account, self.network, self.who, service, region)


def zones(region: str) -> tuple[str, ...]:
    """Zones of a region."""
    return tuple(region + zone for zone in ZONES)


def _regions(_region: str, _params: Answer) -> Answer:
    return {"Regions": [{"RegionName": name, "OptInStatus": "opt-in-not-required"} for name in REGIONS]}


def _types(_region: str, params: Answer) -> Answer:
    rows = [
        {
            "InstanceType": name,
            "ProcessorInfo": {"SupportedArchitectures": ["arm64"]},
            "VCpuInfo": {"DefaultVCpus": VCPUS, "DefaultCores": VCPUS, "DefaultThreadsPerCore": 1},
            "MemoryInfo": {"SizeInMiB": 4096},
        }
        for name in params["InstanceTypes"]
    ]
    return {"InstanceTypes": rows}


def _groups(_region: str, params: Answer) -> Answer:
    name = next(each["Values"][0] for each in params["Filters"] if each["Name"] == "group-name")
    return {"SecurityGroups": [{"GroupId": "sg-0123456789abcdef0", "GroupName": name}]}


def _images(_region: str, params: Answer) -> Answer:
    image = {
        "ImageId": params["ImageIds"][0],
        "Name": "debian-12-simulated",
        "Architecture": "arm64",
        "RootDeviceName": "/dev/xvda",
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}],
    }
    return {"Images": [image]}
