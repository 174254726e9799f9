"""YAML as `model.yaml` has it: written here, and read with PyYAML where that is installed, so that only numpy is required."""

from __future__ import annotations

import json
import math
import re
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z")
#: What YAML 1.1 or 1.2 reads as something else than a text.
_RESERVED = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_KEY = re.compile(r'("(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_./-]*):(?: +(.*))?\Z')
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


class NotRead(Exception):
    """A text that is not YAML, or more of it than can be read without PyYAML."""


def write(value: dict[str, Any]) -> str:
    """A mapping in block style. Lists of numbers are written in one line."""
    return "\n".join(_block(value, 0)) + "\n"


def read(text: str) -> Any:
    """Reads YAML: all of it with PyYAML, else what `write` writes.

    Raises:
        NotRead: where it cannot; it says the line, and whether PyYAML would help.
    """
    try:
        import yaml
    except ImportError:
        return read_subset(text)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise NotRead(f"it is not YAML: {error}") from None


def read_subset(text: str) -> Any:
    """Reads what `write` writes, comments, and lists and mappings in one line that are JSON."""
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        text = line.rstrip().lstrip(" ")
        if text and not text.startswith("#"):
            lines.append((number, len(line) - len(line.lstrip(" ")), text))
    if not lines:
        return None
    reader = _Reader(lines)
    value = reader.block(lines[0][1])
    if reader.at < len(lines):
        raise _beyond(lines[reader.at][0])
    return value


def _block(value: Any, indent: int) -> list[str]:
    margin = " " * indent
    lines: list[str] = []
    if isinstance(value, dict):
        for key, inner in value.items():
            lines += _entry(f"{margin}{_text(str(key))}:", inner, indent)
    else:
        for inner in value:
            if isinstance(inner, dict) and inner:
                first, *others = _block(inner, indent + 2)
                lines += [f"{margin}- {first.lstrip(' ')}", *others]
            else:
                lines += _entry(f"{margin}-", inner, indent)
    return lines


def _entry(head: str, value: Any, indent: int) -> list[str]:
    if isinstance(value, (dict, list)) and value and not _is_numbers(value):
        return [head, *_block(value, indent + 2)]
    return [f"{head} {_flow(value)}"]


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, (int, float)) for each in value)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list):
        return f"[{', '.join(_flow(each) for each in value)}]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return _float(value)
    return json.dumps(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} is written as a text")
    # Without the dot and the sign, YAML 1.1 reads 1e-05 as a text.
    mantissa, e, exponent = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{e}{exponent}" if e else mantissa


def _text(value: str) -> str:
    if _PLAIN.match(value) and value.lower() not in _RESERVED:
        return value
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


class _Reader:
    def __init__(self, lines: list[tuple[int, int, str]]) -> None:
        self.lines = lines
        self.at = 0

    def block(self, indent: int) -> Any:
        """The mapping or list that begins at the line where the reader is."""
        return self._list(indent) if _is_item(self.lines[self.at][2]) else self._mapping(indent)

    def _mapping(self, indent: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.at < len(self.lines) and self.lines[self.at][1] == indent:
            number, _, text = self.lines[self.at]
            match = _KEY.match(text)
            if match is None:
                raise _beyond(number)
            key = json.loads(match[1]) if match[1].startswith('"') else match[1]
            if key in found:
                raise NotRead(f'line {number}: "{key}" is there twice')
            self.at += 1
            found[key] = self._value(match[2], number, indent, lists_at=indent)
        self._ends(indent)
        return found

    def _list(self, indent: int) -> list[Any]:
        found = []
        while self.at < len(self.lines) and self.lines[self.at][1] == indent and _is_item(self.lines[self.at][2]):
            number, _, text = self.lines[self.at]
            rest = text[1:].lstrip(" ")
            if _KEY.match(rest):
                # The first key of a mapping stands where the others stand below it.
                inner = indent + len(text) - len(rest)
                self.lines[self.at] = (number, inner, rest)
                found.append(self._mapping(inner))
            else:
                self.at += 1
                found.append(self._value(rest, number, indent, lists_at=indent + 1))
        self._ends(indent)
        return found

    def _value(self, text: str | None, number: int, indent: int, lists_at: int) -> Any:
        if text:
            return _scalar(text, number)
        if self.at < len(self.lines):
            _, deeper, following = self.lines[self.at]
            # A list below a key may stand as far left as the key.
            if deeper > indent or (deeper == lists_at and _is_item(following)):
                return self.block(deeper)
        return None

    def _ends(self, indent: int) -> None:
        if self.at < len(self.lines) and self.lines[self.at][1] > indent:
            raise _beyond(self.lines[self.at][0])


def _is_item(text: str) -> bool:
    return text == "-" or text.startswith("- ")


def _scalar(text: str, number: int) -> Any:
    if text[0] == '"' or text[0] in "[{":
        try:
            return json.loads(text, parse_constant=_no_constant)
        except ValueError:
            plain = _plain_list(text)
            if plain is None:
                raise _beyond(number) from None
            return plain
    value = _plain(text)
    if value is _UNKNOWN:
        raise _beyond(number)
    return value


_UNKNOWN = object()


def _plain(text: str) -> Any:
    if text in ("true", "false", "null") or _NUMBER.match(text):
        return json.loads(text)
    if text.lower() in _RESERVED or not _PLAIN.match(text):
        return _UNKNOWN
    return text


def _plain_list(text: str) -> list[Any] | None:
    """`[a, b]`, which people write."""
    if not text.startswith("[") or not text.endswith("]"):
        return None
    values = [_plain(each.strip()) for each in text[1:-1].split(",")]
    return None if any(value is _UNKNOWN for value in values) else values


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _beyond(number: int) -> NotRead:
    return NotRead(f"line {number} is more than can be read without PyYAML: pip install pyyaml")
