"""The default VPC as AWS makes it: with an internet gateway, and a route to it from every default subnet.

moto's has neither; https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc-components.html
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models import EC2Backend

from .hooks import replace


def install() -> None:
    """Give every region its gateway, when the region is first used."""
    plain_init = EC2Backend.__init__

    def __init__(self: Any, region_name: str, account_id: str) -> None:
        plain_init(self, region_name, account_id)
        vpc_id = self.default_vpc.id
        gateway = self.create_internet_gateway()
        self.attach_internet_gateway(gateway.id, vpc_id)
        main = self.describe_route_tables(filters={"vpc-id": [vpc_id], "association.main": ["true"]})
        self.create_route(main[0].id, "0.0.0.0/0", gateway_id=gateway.id)

    replace(EC2Backend, "__init__", __init__)
