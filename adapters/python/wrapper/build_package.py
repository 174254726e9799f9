"""Builds this package with nothing but Python (PEP 517), so that it installs where neither setuptools nor a network is."""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """Nothing."""
    return []


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """Writes the wheel, and gives its name."""
    project = (_HERE / "pyproject.toml").read_text(encoding="utf-8")
    version = _value(project, "version")
    info = f"vivace_wrapper-{version}.dist-info"
    files = {f"vivace_wrapper/{path.name}": path.read_bytes() for path in sorted((_HERE / "vivace_wrapper").glob("*.py"))}
    files["vivace_wrapper/py.typed"] = b""
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {_value(project, 'name')}\nVersion: {version}\n"
        f"Summary: {_value(project, 'description')}\nRequires-Python: {_value(project, 'requires-python')}\n"
        "License: Apache-2.0\nRequires-Dist: numpy\n"
    ).encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: vivace\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    name = f"vivace_wrapper-{version}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, content in files.items():
            # The same bytes, whenever it is built.
            wheel.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), content)
    return name


def _value(project: str, key: str) -> str:
    found = re.search(rf'^{key} = "(.*)"$', project, re.MULTILINE)
    assert found is not None, key
    return found[1]


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
