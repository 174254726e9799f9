"""The packages that a model needs, in the versions that are installed."""

from __future__ import annotations

import ast
import sys
from importlib import metadata
from typing import Any, Iterable

#: Names of distributions that are not those of their packages, for Python 3.9, which cannot tell.
_DISTRIBUTIONS = {"sklearn": ["scikit-learn"], "xgboost": ["xgboost", "xgboost-cpu"], "yaml": ["PyYAML"], "PIL": ["pillow"]}


def pins(packages: Iterable[str]) -> list[str]:
    """Lines of a requirements.txt; packages that no distribution has are left out, as Python's own are."""
    found = set()
    known = metadata.packages_distributions() if hasattr(metadata, "packages_distributions") else _DISTRIBUTIONS
    for package in packages:
        for distribution in known.get(package, [package]):
            try:
                found.add(f"{distribution}=={metadata.version(distribution)}")
                break
            except metadata.PackageNotFoundError:
                continue
    return sorted(found - {f"vivace-wrapper=={_version('vivace-wrapper')}"}, key=str.lower)


def packages_of_estimator(model: Any) -> set[str]:
    """The packages whose classes a model is made of, its steps included."""
    found: set[str] = set()
    seen: set[int] = set()
    waiting = [model]
    while waiting:
        value = waiting.pop()
        if id(value) in seen or len(seen) > 100_000:
            continue
        seen.add(id(value))
        if isinstance(value, (str, bytes, int, float, bool, type(None))):
            continue
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple, set)):
            waiting += value
        else:
            owner = value if isinstance(value, type) or callable(value) and hasattr(value, "__name__") else type(value)
            found.add(str(getattr(owner, "__module__", "") or "").split(".")[0])
            waiting += getattr(value, "__dict__", {}).values() if hasattr(value, "get_params") else []
    return found


def packages_of_module(source: str) -> set[str]:
    """The packages that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found - set(getattr(sys, "stdlib_module_names", ()))


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""
