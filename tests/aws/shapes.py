"""Answers made from AWS's own description of its APIs, as botocore brings it: whole, bare, empty, new.

moto answers as AWS mostly does. What AWS may answer besides stands in the description: every field that is
not said to be required may be absent, every list empty, every word of an enumeration one of next year.
"""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from hashlib import md5, sha256
from typing import Any

import botocore.session
from botocore.model import OperationModel, Shape
from moto.core.model import ServiceModel
from moto.core.serialize import get_serializer_class

RUN, JOB = "20261124-021533-k3f7", "c7g.large-1"
NEW = "a-word-of-next-year"
AT = datetime(2026, 11, 24, 2, 15, 33, tzinfo=UTC)
#: Fields by which a listing says that there is more.
PAGING = frozenset({"NextToken", "Marker", "NextContinuationToken", "IsTruncated", "NextMarker"})
#: What fields of these names hold, where their readers look for something in particular.
KNOWN: dict[str, Any] = {
    "AccountId": "123456789012", "Account": "123456789012", "Arn": "arn:aws:iam::123456789012:role/benchtui",
    "InstanceId": "i-0123456789abcdef0", "InstanceType": "c7g.large", "ImageId": "ami-0123456789abcdef0",
    "ClientToken": "token", "SubnetId": "subnet-1", "VpcId": "vpc-1", "GroupId": "sg-1",
    "GroupName": "benchtui", "RouteTableId": "rtb-1", "RegionName": "us-east-1", "Region": "us-east-1",
    "AvailabilityZone": "us-east-1a", "Location": "us-east-1a", "ServiceName": "com.amazonaws.us-east-1.s3",
    "SpotPrice": "0.0312", "ProductDescription": "Linux/UNIX", "OptInStatus": "opted-in",
    "Architecture": "arm64", "SupportedArchitectures": ["arm64"], "VpcEndpointType": "Gateway",
    "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "Main": True, "Size": 17, "KeyCount": 1,
    "LocationConstraint": "eu-west-1", "Policy": '{"Statement": []}', "DocumentType": "Automation",
    "PolicyDocument": "%7B%22Statement%22%3A%20%5B%5D%7D", "PolicyNames": ["own"],
    "AssumeRolePolicyDocument": "%7B%22Statement%22%3A%20%5B%5D%7D", "EvalDecision": "allowed",
    "EvalResourceName": "arn:aws:ec2:us-east-1:123456789012:instance/*", "Input": "{}",
    "ScheduleExpression": "at(2026-11-24T02:15:33)", "ScheduleExpressionTimezone": "UTC",
    "QuotaName": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
    "QuotaCode": "L-1216C47A", "Value": "ami-0123456789abcdef0", "PriceList": [], "Output": "aGVsbG8=",
    "Prefix": f"benchmarks/{RUN}/", "DefaultVCpus": 2, "DefaultCores": 2, "DefaultThreadsPerCore": 1,
    "SizeInMiB": 4096, "Manufacturer": "AWS", "ETag": f'"{md5(b"{}").hexdigest()}"',
    "ChecksumSHA256": base64.b64encode(sha256(b"{}").digest()).decode(),
    "RouteTableIds": ["rtb-1"], "RootDeviceName": "/dev/xvda", "DeviceName": "/dev/xvda", "VolumeSize": 8,
    "InstanceLifecycle": "spot",
    "AvailableIpAddressCount": 250, "FromPort": 443, "ToPort": 443, "IpProtocol": "tcp",
}  # fmt: skip
#: The same, where the name alone is not enough.
KNOWN_OF: dict[tuple[str, str], Any] = {
    ("DescribeVpcEndpoints", "State"): "available",
    ("ListSchedules", "Name"): f"benchtui.{RUN}",
    ("GetServiceQuota", "Value"): 640.0,
    ("GetAWSDefaultServiceQuota", "Value"): 5.0,
    ("ListServiceQuotas", "Value"): 64.0,
    ("DescribeDocument", "Status"): "Active",
    ("DescribeDocument", "Name"): "InstanceId",
    ("DescribeInstances", "Name"): "running",
    ("RunInstances", "Name"): "pending",
    ("GetBucketTagging", "Value"): "yes",
    ("ListObjectsV2", "Key"): f"benchmarks/{RUN}/heartbeats/{JOB}",
}
TAGS = {
    "LaunchedBy": "AsyncBenchmarkLauncher",
    "benchtui:run": RUN,
    "benchtui:job": JOB,
    "benchtui:expires": "2026-11-24T04:15:33Z",
}


class Form(StrEnum):
    """What an answer holds."""

    WHOLE = "whole"  # every field, lists of one
    NOTHING = "nothing"  # no field at all
    EMPTY = "empty"  # every field of the answer itself, each list, map, structure and text empty
    BARE = "bare"  # lists of one, whose rows have no field
    HALF = "half"  # whole, and its rows without every second field
    OTHER_HALF = "other half"
    NEW_WORDS = "new words"  # whole, with enumerations that say what is not known yet
    NEW_FIELDS = "new fields"  # whole, with fields everywhere that are not described


@cache
def model_of(service: str) -> ServiceModel:
    """The description of a service."""
    loader = botocore.session.get_session().get_component("data_loader")
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


def content(operation: OperationModel, form: Form) -> Any:
    """An answer of ``operation``, as botocore would hand it out."""
    if operation.output_shape is None:
        return {}
    return _Maker(operation.name, form).made(operation.output_shape, "", 0)


class _Maker:
    """Makes the values of one answer."""

    def __init__(self, operation: str, form: Form) -> None:
        self.operation, self.form = operation, form
        self._parents: list[str] = []

    def made(self, shape: Shape, name: str, depth: int) -> Any:
        """A value of ``shape`` in a field ``name``."""
        if shape.type_name == "structure":
            return self._structure(shape, depth)
        if self.form is Form.EMPTY and depth > 0:
            return {"list": [], "map": {}, "string": ""}.get(shape.type_name, self._scalar(shape, name))
        if shape.type_name == "list":
            return self._list(shape, name, depth)
        if shape.type_name == "map":
            key, value = self.made(shape.key, "", depth + 1), self.made(shape.value, "", depth + 1)
            return {key: value}
        return self._scalar(shape, name)

    def _structure(self, shape: Any, depth: int) -> dict[str, Any]:
        if shape.name in self._parents:  # a description may be of something that holds its like
            return {}
        self._parents.append(shape.name)
        try:
            return {
                name: self.made(member, name, depth + 1)
                for number, (name, member) in enumerate(shape.members.items())
                if self._there(shape, name, number, depth)
            }
        finally:
            self._parents.pop()

    def _there(self, shape: Any, name: str, number: int, depth: int) -> bool:
        """Whether a field is in the answer."""
        if name in PAGING:
            return False
        if name in shape.required_members:
            return True
        if self.form is Form.NOTHING:
            return False
        if self.form in (Form.BARE, Form.EMPTY):
            return depth == 0
        if self.form in (Form.HALF, Form.OTHER_HALF):
            return depth == 0 or number % 2 == (self.form is Form.HALF)
        return True

    def _list(self, shape: Any, name: str, depth: int) -> list[Any]:
        if shape.member.name in ("Tag", "TagDescription") and self.form is not Form.BARE:
            return [{"Key": key, "Value": value} for key, value in TAGS.items()]
        if isinstance(KNOWN.get(name), list):
            return list(KNOWN[name])
        return [self.made(shape.member, name, depth + 1)]

    def _scalar(self, shape: Any, name: str) -> Any:
        if self.form is Form.NEW_WORDS and getattr(shape, "enum", None):
            return NEW
        known = KNOWN_OF.get((self.operation, name), KNOWN.get(name))
        if known is not None and not isinstance(known, list) and _fits(shape.type_name, known):
            return known
        if getattr(shape, "enum", None):
            return shape.enum[0]
        return {
            "boolean": True, "integer": 1, "long": 1, "float": 1.5, "double": 1.5, "timestamp": AT,
            "blob": b"x",
        }.get(shape.type_name, "text")  # fmt: skip


def _fits(kind: str, value: Any) -> bool:
    wanted = {"boolean": bool, "integer": int, "long": int, "float": float, "double": float, "string": str}
    return isinstance(value, wanted.get(kind, ()))


def body_of(
    service: str, operation: str, answer: Any, form: Form = Form.WHOLE
) -> tuple[bytes, dict[str, str]]:
    """An answer as it comes over the wire: body and headers."""
    model = model_of(service).operation_model(operation)
    protocol = model.service_model.resolved_protocol
    said = get_serializer_class(service, protocol)(model).serialize(answer)
    raw = said["body"]
    body = raw if isinstance(raw, bytes) else str(raw or "").encode()
    if form is Form.NEW_FIELDS:
        body = _with_new_fields(body, "json" in protocol)
    headers = {name: str(value) for name, value in said["headers"].items()}
    return body, headers


def _with_new_fields(body: bytes, is_json: bool) -> bytes:
    """A field that nobody described, in every structure of the answer."""
    if is_json:
        return json.dumps(_widened(json.loads(body or b"{}"))).encode()
    extra = rb"<aNewField><item><aNewWord>1</aNewWord></item></aNewField>"
    ends = rb"</(item|member|Contents|CommonPrefixes|[A-Za-z]+Response|[A-Za-z]+Result)>"
    return re.sub(ends, extra + rb"</\1>", body)


def _widened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _widened(each) for name, each in value.items()} | {"aNewField": [{"aNewWord": 1}]}
    return [_widened(each) for each in value] if isinstance(value, list) else value
