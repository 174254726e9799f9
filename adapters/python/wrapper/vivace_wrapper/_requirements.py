"""Compares what a bundle's requirements.txt pins with what is installed."""

from __future__ import annotations

import os
import re
from importlib import metadata

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*==\s*([A-Za-z0-9.!+*_-]+)$")
#: What pip-compile and uv write behind a pin, on the lines that follow too.
_HASHES = re.compile(r"(\s+--hash=\S+|\s*\\\s*$)+")
#: A line of an address or a path has no name before what it compares with.
_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:$|[\[(<>=!~@,;])")
_ARCHIVE = re.compile(r"\.(whl|zip|tar\.\w+)$")
#: Notepad and PowerShell write these before a text.
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def differences(directory: str) -> list[str]:
    """What is missing, or installed in another version than is pinned with `==`; nothing where there is no requirements.txt.

    Other comparisons than `==` are looked at for their name only, and options of pip, addresses and paths not at all. A line
    with a marker counts where its package is installed, and one of several for the same package has to agree.
    """
    path = os.path.join(directory, "requirements.txt")
    if not os.path.exists(path):
        return []
    try:
        lines = _lines(path)
    except (OSError, UnicodeDecodeError) as error:
        return [f"requirements.txt cannot be read: {error}"]
    found = []
    marked: dict[str, list[str]] = {}
    for line in lines:
        requirement = _HASHES.sub("", re.sub(r"(^|\s)#.*", "", line)).strip()
        requirement, _, marker = (part.strip() for part in requirement.partition(";"))
        name = _NAME.match(requirement)
        if name is None or _ARCHIVE.search(requirement):
            continue
        difference = _difference(requirement, name[1])
        if marker:
            marked.setdefault(re.sub(r"[-_.]+", "-", name[1]).lower(), []).append(difference or "")
        elif difference is not None:
            found.append(difference)
    # A package that is not installed is not needed here, or its marker would have to be understood to say that it is.
    found += [all_[0] for all_ in marked.values() if all(all_) and not all_[0].endswith(_MISSING)]
    return found


_MISSING = " is not installed"


def _lines(path: str) -> list[str]:
    with open(path, "rb") as file:
        raw = file.read()
    return raw.decode(_MARKS.get(raw[:2], "utf-8-sig")).splitlines()


def _difference(requirement: str, name: str) -> str | None:
    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{requirement}{_MISSING}"
    pin = _PIN.match(requirement)
    if pin is None:
        return None
    # What is left of a package that was removed by hand has no version.
    if not isinstance(installed, str):
        return f"{requirement}, but what is installed does not say its version"
    return None if _agrees(installed, pin[2]) else f"{requirement}, but {installed} is installed"


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
