"""Install what suites need: only what is missing, by the image's own package manager."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from process import Stop, run

INSTALL_TIMEOUT_S = 900
UPDATE_TIMEOUT_S = 300
QUERY_TIMEOUT_S = 30
FAMILIES = {"debian": "apt", "ubuntu": "apt", "amzn": "dnf"}  # keys of [packages] → package manager
# Another apt (unattended upgrades at first boot) may hold the lock: wait, do not fail.
APT = (
    "apt-get",
    "-q",
    "-y",
    "-o",
    "DPkg::Lock::Timeout=300",
    "-o",
    "Acquire::Retries=3",
    "-o",
    "Acquire::http::Timeout=30",
)


def os_release(path: str = "/etc/os-release") -> Dict[str, str]:
    """Fields of os-release; empty if there is none."""
    fields = {}
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                name, equals, value = line.strip().partition("=")
                if equals and not name.startswith("#"):
                    fields[name] = value.strip("\"'")
    except OSError:
        pass
    return fields


def family(release: Dict[str, str]) -> Optional[str]:
    """Which list of [packages] is meant for this system: its own, else that of what it derives from."""
    for name in [release.get("ID", ""), *release.get("ID_LIKE", "").split()]:
        if name in FAMILIES:
            return name
    return None


class Installer:
    """Packages of one instance."""

    def __init__(self, stop: Stop, say: Callable[[str], None]) -> None:
        self._stop, self._say = stop, say
        release = os_release()
        self._family = family(release)
        self._version = release.get("VERSION_ID", "") if self._family == release.get("ID") else ""
        self._manager = FAMILIES.get(self._family or "")
        self._env = {
            **os.environ,
            "DEBIAN_FRONTEND": "noninteractive",
            "LC_ALL": "C",
            "NEEDRESTART_MODE": "l",
        }

    def needed(self, declared: Dict[str, Any]) -> List[str]:
        """Packages a suite or an arm declares for this system, those of its very version first."""
        listed: Dict[str, List[str]] = declared["packages"]
        exact = "{}:{}".format(self._family, self._version)
        return listed[exact] if exact in listed else listed.get(self._family or "", [])

    def install(self, wanted: Sequence[str]) -> Dict[str, str]:
        """Install what is missing; the packages that could not be installed, with the reason."""
        missing = [name for name in dict.fromkeys(wanted) if self.version(name) is None]
        if not missing:
            return {}
        self._say("packages to install: " + " ".join(missing))
        if self._manager == "apt":
            ok, why = self._command([*APT, "update"], UPDATE_TIMEOUT_S)
            if not ok:
                self._say("apt-get update: " + why)  # the lists of the image may still do
        ok, why = self._command(self._installing(missing), INSTALL_TIMEOUT_S)
        if ok:
            return {name: "not there after installation" for name in missing if self.version(name) is None}
        failed = {}
        for name in missing:  # one that cannot be had must not take the others along
            if self.version(name) is None and len(missing) > 1:
                ok, why = self._command(self._installing([name]), INSTALL_TIMEOUT_S)
            if self.version(name) is None:
                failed[name] = why
        return failed

    def version(self, package: str) -> Optional[str]:
        """Installed version of a package; None if it is not installed."""
        if self._manager == "apt":
            query = ["dpkg-query", "-W", "-f=${db:Status-Status} ${Version}", package]
        else:
            query = ["rpm", "-q", "--qf", "installed %{VERSION}-%{RELEASE}", package]
        status, said, _ = self._captured(query, QUERY_TIMEOUT_S)
        state, _, version = said.partition(" ")
        return version if status and state == "installed" else None

    def _installing(self, names: Sequence[str]) -> List[str]:
        if self._manager == "apt":
            return [*APT, "install", "--no-install-recommends", *names]
        return ["dnf", "-y", "-q", "--setopt=install_weak_deps=False", "install", *names]

    def _command(self, argv: List[str], timeout_s: float) -> Tuple[bool, str]:
        ok, out, error = self._captured(argv, timeout_s)
        lines = [line.strip() for line in (error + "\n" + out).splitlines() if line.strip()]
        telling = [line for line in lines if line.startswith(("E:", "Error"))] or lines[-1:]
        return ok, " ".join(telling[:2])[:400] or "failed without a word"

    def _captured(self, argv: List[str], timeout_s: float) -> Tuple[bool, str, str]:
        kept: Dict[str, bytearray] = {"out": bytearray(), "error": bytearray()}

        def keep(name: str, chunk: bytes) -> None:
            kept[name] += chunk
            del kept[name][: -64 * 1024]

        ended = run(
            argv,
            "/",
            self._env,
            timeout_s,
            self._stop,
            lambda chunk: keep("out", chunk),
            lambda chunk: keep("error", chunk),
        )
        texts = [kept[name].decode("utf-8", "replace") for name in ("out", "error")]
        if ended.error is not None or ended.cut is not None:
            texts[1] += "\n{} {}".format(argv[0], ended)
        return ended.ok, texts[0], texts[1]
