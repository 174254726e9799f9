"""How many CPUs this process may keep busy: the limit of its container, as the server reads it too."""

from __future__ import annotations

import math
import os
from typing import Iterator


def cpu_limit(root: str = "/", available: int | None = None) -> int:
    """The limit of the container or of a control group around it, rounded up, and never more than the machine lets it use.

    Args:
        root: where `proc` and `sys` are.
        available: how many CPUs there are without a limit.

    Returns:
        At least 1.
    """
    limit = float(_available() if available is None else available)
    for directory, version in _control_groups(root):
        if version == 2:
            quota, _, period = _read(os.path.join(directory, "cpu.max")).strip().partition(" ")
        else:
            quota = _read(os.path.join(directory, "cpu.cfs_quota_us"))
            period = _read(os.path.join(directory, "cpu.cfs_period_us"))
        cpus = _share(quota, period)
        if cpus is not None:
            limit = min(limit, cpus)
    return max(1, math.ceil(limit))


def _available() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _control_groups(root: str) -> Iterator[tuple[str, int]]:
    """The groups of this process and those around them: each may have a limit."""
    mounted = os.path.join(root, "sys/fs/cgroup")
    for line in _read(os.path.join(root, "proc/self/cgroup")).splitlines():
        # Such as `0::/pod/container`, and of version 1 `4:cpu,cpuacct:/pod/container`.
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not path.startswith("/"):
            continue
        if number == "0" and controllers == "":
            yield from ((directory, 2) for directory in _around(mounted, path))
        elif "cpu" in controllers.split(","):
            # The path may be that of the machine, while the container sees only its own group, as the root.
            for name in (controllers, "cpu"):
                yield from ((directory, 1) for directory in _around(os.path.join(mounted, name), path))


def _around(mounted: str, path: str) -> Iterator[str]:
    while True:
        yield os.path.join(mounted, path.lstrip("/"))
        if path == "/":
            return
        path = os.path.dirname(path)


def _share(quota: str, period: str) -> float | None:
    """CPUs; None where there is no limit: `max`, or -1."""
    try:
        cpus = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
    return cpus if cpus > 0 else None


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        # Another system, or one without this file: no limit is known.
        return ""
