"""Secrets taken out of texts that are given away: keys, tokens, signatures, passwords; if wanted the account.

Two ways at once: what is known to be a secret (values of the environment, of credentials files) goes wherever
it stands, and what looks like one goes too. Rather too much is taken out than too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_NAMES = r"secret|token|passw|credential|private|signature|authorization|api_?key|access_?key|webhook|cookie"
#: Names, of variables and of keys in a document, whose values are nobody's business.
SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
#: Shorter ones would be found in every other word.
SHORTEST_SECRET = 6
DEEPEST = 50  # of nested JSON; what lies deeper is left out
ACCOUNT = "<account>"

_BASE64 = "[A-Za-z0-9/+]"
_MIXED = r"(?=[\w/+]*[A-Z])(?=[\w/+]*[a-z])(?=[\w/+]*\d)"
_KEY = "-----{} [A-Z ]*PRIVATE KEY-----"
_HOOKS = r"hooks\.slack\.com|[\w.-]*discord(?:app)?\.com/api|[\w.-]*webhook\.office\.com"
#: What a secret of each kind looks like. A first group is kept: it says what the secret belongs to.
_LOOKS_LIKE: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("private key", re.compile(f"{_KEY.format('BEGIN')}.*?(?:{_KEY.format('END')}|\\Z)", re.DOTALL)),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    ("access key", re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b")),
    ("web token", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")),
    ("token", re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-)[\w-]{16,}")),
    ("password", re.compile(r"(://)[^/\s:@\"']+:[^/\s@\"']+(?=@)")),
    ("webhook", re.compile(rf"(https://(?:{_HOOKS})/)[^\s\"']+")),
    ("signature", re.compile(r"(X-Amz-(?:Signature|Security-Token|Credential)=)[^&\s\"']+", re.IGNORECASE)),
    ("signature", re.compile(r"(\bSignature=)[0-9a-f]{64}")),
    # A secret access key is 40 characters of base64; a hash in hexadecimal has no capitals.
    ("secret", re.compile(rf"(?<![\w/+=-]){_MIXED}{_BASE64}{{40}}(?![\w/+=-])")),
    # A session token is some hundred of them.
    ("session token", re.compile(rf"(?<![\w/+=-]){_MIXED}{_BASE64}{{100,}}={{0,2}}")),
)
#: ``name = value``, ``"name": "value"``, ``Name: value`` in a text.
_ASSIGNED = re.compile(
    rf"(\b[\w.-]*(?:{_NAMES})[\w.-]*[\"']?\s*[:=]\s*)(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s,;}}\"']+)",
    re.IGNORECASE,
)
_ACCOUNT_ID = re.compile(r"(?<!\d)\d{12}(?!\d)")


class Redaction:
    """Takes secrets out.

    Args:
        secrets: values that are secrets for sure.
        homes: folders of the user, which are written as ``~``.
        account: take account ids out as well, and with them every number of twelve digits.
    """

    def __init__(
        self, secrets: Iterable[str] = (), homes: Iterable[str] = (), *, account: bool = False
    ) -> None:
        # The longest first: one may be a part of another.
        known = {value for value in secrets if len(value) >= SHORTEST_SECRET}
        self._known = sorted(known, key=len, reverse=True)
        self._homes = sorted({home for home in homes if len(home) > 1}, key=len, reverse=True)
        self._account = account

    def text(self, content: str) -> str:
        """``content`` without its secrets."""
        return _ASSIGNED.sub(_without_value, self._plain(content))

    def document(self, content: Any, depth: int = 0) -> Any:
        """A JSON document without its secrets; it stays one."""
        if depth > DEEPEST:
            return "<left out: too deep>"
        if isinstance(content, Mapping):
            return {
                self._plain(str(key)): _mark("value")
                if isinstance(value, str) and SECRET_NAME.search(str(key)) and value
                else self.document(value, depth + 1)
                for key, value in content.items()
            }
        if isinstance(content, list | tuple):
            return [self.document(value, depth + 1) for value in content]
        return self.text(content) if isinstance(content, str) else content

    def _plain(self, content: str) -> str:
        for secret in self._known:
            content = content.replace(secret, _mark("secret"))
        for what, pattern in _LOOKS_LIKE:
            kept = r"\1" if pattern.groups else ""
            content = pattern.sub(kept + _mark(what), content)
        for home in self._homes:
            content = content.replace(home, "~")
        return _ACCOUNT_ID.sub(ACCOUNT, content) if self._account else content


def _mark(what: str) -> str:
    return f"<{what} removed>"


def _without_value(found: re.Match[str]) -> str:
    value = found[2]
    if value.startswith("<"):  # what stood there was taken out already
        return found[0]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{found[1]}{quote}{_mark('value')}{quote}"


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """Values of variables whose names say that they are secret."""
    return [value for name, value in environ.items() if SECRET_NAME.search(name) and value]


def secrets_in_ini(content: str) -> list[str]:
    """Values in a credentials file whose keys say that they are secret."""
    pairs = (line.partition("=") for line in content.splitlines())
    return [value.strip() for key, _, value in pairs if SECRET_NAME.search(key) and value.strip()]
