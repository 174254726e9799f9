"""What a loaded model changes in its process is undone after each test."""

from __future__ import annotations

import os
import sys
from typing import Iterator

import pytest


@pytest.fixture(autouse=True)
def _own_place() -> Iterator[None]:
    directory, path = os.getcwd(), list(sys.path)
    yield
    os.chdir(directory)
    sys.path[:] = path
