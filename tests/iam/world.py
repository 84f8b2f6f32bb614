"""An account on the local cloud, as setup leaves one, and benchtui as a process in anybody's name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchtui.core.policies import Scope
from tests.local.conftest import LocalCloud

REGION = "us-east-1"
PATIENCE_S = 75
SCOPE = Scope("123456789012", "benchtui-123456789012-us-east-1")
CONFIG = """
[aws]
bucket = "benchtui-123456789012-us-east-1"
regions = ["us-east-1"]
[plan]
types = ["{type}"]
replicates = 1
{more}
[safety]
launch_tries = 1
budget_usd = 50
{safety}
[watch]
poll_seconds = 3
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A process that has ended, with what it printed."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return f"{self.out}\n{self.err}"


@dataclass
class World:
    """The account, and a folder for homes."""

    cloud: LocalCloud
    folder: Path
    users: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def admin(self) -> dict[str, str]:
        """Credentials of whoever may do everything."""
        state = self.cloud.state
        return {
            "AWS_ACCESS_KEY_ID": state.access_key_id,
            "AWS_SECRET_ACCESS_KEY": state.secret_access_key,
        }

    def advance(self, seconds: float) -> float:
        """Set the cloud's clock forward, where what is due by then is done; how far it is ahead, seconds."""
        return float(self.cloud.private("POST", "clock", {"advance_s": seconds})["offset_s"])

    def user(self, *documents: Mapping[str, Any], label: str = "") -> dict[str, str]:
        """Credentials of a user with these policies and no others; the same ones for the same label."""
        text = json.dumps([label, documents], sort_keys=True)
        if text not in self.users:
            iam, name = self.cloud.boto3("iam"), f"person-{uuid.uuid4().hex[:12]}"
            iam.create_user(UserName=name)
            for number, document in enumerate(documents):
                if document["Statement"]:
                    iam.put_user_policy(
                        UserName=name, PolicyName=f"p{number}", PolicyDocument=json.dumps(document)
                    )
            key = iam.create_access_key(UserName=name)["AccessKey"]
            self.users[text] = {
                "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
                "PERSON": name,
            }
        return self.users[text]

    def client(self, service: str, keys: Mapping[str, str], region: str = REGION) -> Any:
        """An SDK client in the name of these credentials."""
        return self.cloud.boto3(
            service,
            region,
            access_key_id=keys["AWS_ACCESS_KEY_ID"],
            secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            session_token=keys.get("AWS_SESSION_TOKEN"),
        )

    def benchtui(
        self, keys: Mapping[str, str], *arguments: str, config: str = "", home: str = "home"
    ) -> Outcome:
        """Run a command to its end, or until patience ends, code 124: a kill without rights is patient."""
        folder = self.folder / home
        folder.mkdir(exist_ok=True)
        (folder / "benchtui.toml").write_text(config or configured())
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "COLUMNS": "200",
            "BENCHTUI_SAFETY_SWEEP": "false",
            **self.cloud.environment,
            **{name: value for name, value in keys.items() if name.startswith("AWS_")},
        }
        with subprocess.Popen(
            [sys.executable, "-m", "benchtui", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.terminate()
                out, err = process.communicate(timeout=30)
                return Outcome(124, out, err)
        return Outcome(process.returncode, out, err)

    def rights(self, caller: str) -> dict[str, int]:
        """Permissions that whoever has this in the ARN was asked for, and how often each was there."""
        rows = self.cloud.private("GET", "rights")
        counts: dict[str, int] = {}
        for row in rows:
            if caller in row["caller"]:
                counts[row["permission"]] = counts.get(row["permission"], 0) + row["allowed"]
        return counts


def configured(kind: str = "local.1cpu", more: str = "", safety: str = "") -> str:
    """A configuration of one type, with more lines in its tables ``[plan]`` and ``[safety]``."""
    return CONFIG.format(type=kind, more=more, safety=safety)


def without(document: Mapping[str, Any], action: str) -> dict[str, Any]:
    """A policy in which no statement allows an action any more."""
    statements = []
    for row in document["Statement"]:
        actions = [row["Action"]] if isinstance(row["Action"], str) else list(row["Action"])
        if row["Effect"] == "Allow":
            actions = [name for name in actions if name != action]
        if actions:
            statements.append({**row, "Action": actions})
    return {**document, "Statement": statements}
