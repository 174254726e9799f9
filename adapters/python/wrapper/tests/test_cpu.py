"""The CPU limit against the cases that the server's own function is tested with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from vivace_wrapper.__main__ import _THREADS, _take_threads
from vivace_wrapper._cpu import cpu_limit

CASES = json.loads((Path(__file__).parents[4] / "test" / "fixtures" / "cgroups.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["what"])
def test_is_the_limit_of_the_container(case: dict[str, Any], tmp_path: Path) -> None:
    for path, text in case["files"].items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert cpu_limit(str(tmp_path), 64) == case["cpus"]


def test_is_no_more_than_the_machine_lets_the_process_use() -> None:
    assert 1 <= cpu_limit() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(("given", "threads"), [(0, str(cpu_limit())), (3, "3")])
def test_is_what_0_threads_of_a_command_mean(given: int, threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _THREADS:
        monkeypatch.setenv(name, "of another")
    _take_threads(given)
    assert {os.environ[name] for name in _THREADS} == {threads}
