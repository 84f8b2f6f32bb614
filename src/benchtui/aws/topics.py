"""Amazon SNS: one message to a topic, whose subscribers the account's owner has chosen."""

from __future__ import annotations

from benchtui.aws.session import Cloud

SERVICE = "sns"
#: Of a message, bytes (SNS developer guide, "Amazon SNS message publishing": 256 KiB with all attributes).
LARGEST_MESSAGE = 200_000


async def publish(cloud: Cloud, topic: str, subject: str, message: str) -> str:
    """Send one message; its id. After a lost answer it is sent again, and may come twice.

    Args:
        cloud: the account.
        topic: ARN; its region is where the request goes.
        subject: ASCII, below 100 characters.
        message: text, cut where it is too long.

    Raises:
        CloudError: it was not taken, or that is not known.
    """
    region = topic.split(":")[3]
    cut = message.encode()[:LARGEST_MESSAGE].decode(errors="ignore")
    answer = await cloud.call(
        SERVICE,
        region,
        "Publish",
        {"TopicArn": topic, "Subject": subject, "Message": cut},
        expect=("MessageId",),
        subject=topic,
    )
    return str(answer["MessageId"])
