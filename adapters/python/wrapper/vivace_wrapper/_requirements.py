"""Compares what a bundle's requirements.txt pins with what is installed."""

from __future__ import annotations

import os
import re
from importlib import metadata

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*==\s*([A-Za-z0-9.!+*_-]+)$")
#: What pip-compile and uv write behind a pin, on the lines that follow too.
_HASHES = re.compile(r"(\s+--hash=\S+|\s*\\\s*$)+")
_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)")


def differences(directory: str) -> list[str]:
    """What is missing, or installed in another version than is pinned with `==`; nothing where there is no requirements.txt.

    Lines with markers or options of pip, and other comparisons than `==`, are looked at for their name only.
    """
    path = os.path.join(directory, "requirements.txt")
    if not os.path.exists(path):
        return []
    found = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            requirement = _HASHES.sub("", re.sub(r"(^|\s)#.*", "", line)).strip()
            if not requirement or requirement.startswith("-") or ";" in requirement:
                continue
            name = _NAME.match(requirement)
            if name is None:
                continue
            try:
                installed = metadata.version(name[1])
            except metadata.PackageNotFoundError:
                found.append(f"{requirement} is not installed")
                continue
            pin = _PIN.match(requirement)
            if pin is not None and not _agrees(installed, pin[2]):
                found.append(f"{requirement}, but {installed} is installed")
    return found


def _agrees(installed: str, pinned: str) -> bool:
    if pinned.endswith(".*"):
        return (_release(installed) + ".").startswith(_release(pinned[:-2]) + ".")
    # A pin without a local version, as +cpu is one, means any.
    if "+" not in pinned:
        installed = installed.split("+", 1)[0]
    return _normal(installed) == _normal(pinned)


def _normal(version: str) -> str:
    """Versions that are the same have the same: 1.0 and 1.0.0, 1.0rc1 and 1.0RC1."""
    match = re.match(r"v?(\d+(?:\.\d+)*)(.*)", version.lower())
    if match is None:
        return version.lower()
    return re.sub(r"(\.0+)+$", "", match[1]) + re.sub(r"[-_.]", "", match[2])


def _release(version: str) -> str:
    return re.split(r"[^0-9.]", version.lower(), maxsplit=1)[0].rstrip(".")
