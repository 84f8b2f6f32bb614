"""``--local``: the same commands against the cloud of this machine.

What the rest of the program sees is an endpoint and credentials in the SDK's own environment variables.
"""

from __future__ import annotations

import os
from decimal import Decimal

from benchtui.config.load import Loaded
from benchtui.config.schema import AwsSection, Config
from benchtui.core.errors import UsageError
from benchtui.core.money import LIST_RATES

_LOOPBACK = "127.0.0.1"


def settings(loaded: Loaded) -> Config:
    """The settings as they are meant for the local cloud.

    ``[aws]`` describes the user's account, not this one, so only typed flags of it count, and whether a role
    that starts runs is named. Rates at their list prices become 0: this machine costs nothing. A rate of
    one's own stays.

    Raises:
        UsageError: ``--profile`` was typed as well.
    """
    from benchtui.local.provision import BUCKET, SCOPE
    from benchtui.local.state import DEFAULT_REGION

    config, origins = loaded.config, loaded.origins
    typed = {key for key, origin in origins.items() if origin.kind == "flag"}
    if "aws.profile" in typed:
        raise UsageError("--local and --profile exclude each other", fix="leave out one of them")
    aws = AwsSection(
        regions=config.aws.regions if "aws.regions" in typed else (DEFAULT_REGION,),
        bucket=config.aws.bucket if "aws.bucket" in typed else BUCKET,
        starter_role=SCOPE.starter_role if config.aws.starter_role else "",
    )
    listed = {
        "ebs_gb_month": LIST_RATES.ebs_gb_month.usd,
        "ipv4_hour": LIST_RATES.ipv4_hour.usd,
        "s3_write_1000": LIST_RATES.s3_write_1000.usd,
    }
    free = {
        rate: Decimal(0)
        for rate, usd in listed.items()
        if origins[f"prices.{rate}"].kind == "default" or getattr(config.prices, rate) == usd
    }
    return config.model_copy(update={"aws": aws, "prices": config.prices.model_copy(update=free)})


def use() -> None:
    """Start the local cloud if none runs, and turn every SDK of this process to it and away from AWS.

    Raises:
        BenchtuiError: it does not start.
    """
    from benchtui.local.daemon import environment, up
    from benchtui.local.options import LocalOptions

    state = up(LocalOptions())
    # Nothing of the user's account may remain: neither a profile nor an endpoint of one service.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(environment(state))
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), _LOOPBACK)))
