"""Compares what a bundle's requirements.txt pins with what is installed."""

from __future__ import annotations

import os
import re
from importlib import metadata

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*==\s*([A-Za-z0-9.!+*_-]+)$")
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
            requirement = line.split("#", 1)[0].strip()
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
        return (installed + ".").startswith(pinned[:-1])
    return installed == pinned
