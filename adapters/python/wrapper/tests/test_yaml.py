"""The YAML of `model.yaml`, with PyYAML and without."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from vivace_wrapper._yaml import NotRead, read, read_subset, write

VALUES: dict[str, Any] = {
    "runtime": "sklearn",
    "entry": "models/model-1.joblib",
    "yes": "no",
    "columns": ["sepal length (cm)", "on", "1.5", "żółć", "a: b", "# c", "", "- d", '"e"', "\\", "\u2028", "tab\t", "😀", "null"],
    "numbers": [1, -2, 1.5, 1e-05, -1e20, 1.0e300, 0.1, True, False],
    "texts": ["NaN", "Infinity"],
    "none": None,
    "empty": {},
    "nothing": [],
    "nested": {"a b": {"c": [[1, 2], ["x", "y"]]}, "d": {}},
    "list": [{"name": "a", "shape": [-1, 4], "columns": ["x", "y"]}, {"name": "b"}, {"inner": {"x": 1}, "y": 2}, {}],
}


def test_reads_what_it_writes() -> None:
    assert read_subset(write(VALUES)) == VALUES


def test_asks_pyyaml_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    class YAMLError(Exception):
        pass

    def safe_load(text: str) -> Any:
        if text == "wrong":
            raise YAMLError("it is wrong")
        return {"read": text}

    monkeypatch.setitem(sys.modules, "yaml", SimpleNamespace(safe_load=safe_load, YAMLError=YAMLError))
    assert read("a: |\n  text\n") == {"read": "a: |\n  text\n"}
    with pytest.raises(NotRead, match="it is not YAML: it is wrong"):
        read("wrong")
    # As where it is not installed.
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert read("a: 1\n") == {"a": 1}


def test_writes_block_style_and_numbers_in_one_line() -> None:
    written = write({"entry": "m.txt", "outputs": [{"name": "score", "shape": [-1, 3]}], "columns": ["a", "b c"]})
    assert written == (
        'entry: m.txt\noutputs:\n  - name: score\n    shape: [-1, 3]\ncolumns:\n  - a\n  - "b c"\n'
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing\n\n", None),
        ("columns: [a, b_c, 1]\n", {"columns": ["a", "b_c", 1]}),
        ("columns:\n- a\n- b\nover: row\n", {"columns": ["a", "b"], "over": "row"}),
        ('outputs: [{"name": "a"}]\n', {"outputs": [{"name": "a"}]}),
        ("a:\nb: 1\n", {"a": None, "b": 1}),
        ("-\n  a: 1\n-\n  - 2\n", [{"a": 1}, [2]]),
    ],
)
def test_reads_what_people_write(text: str, value: Any) -> None:
    assert read_subset(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\n",
        "a: |\n  text\n",
        "a: 'single'\n",
        "a: 1 # a comment\n",
        "a: {b: 1}\n",
        "a: yes\n",
        "a: 0x10\n",
        "a: 2020-01-01\n",
        "a: b c\n",
        "a: [b c]\n",
        "? a\n",
        "a: [1,\n  2]\n",
        "a: 1\n  b: 2\n",
        "- - 2\n",
        "a: NaN\n" "b: .nan\n",
        "\ta: 1\n",
        "a: [NaN]\nb: [.5]\n",
    ],
)
def test_says_that_more_needs_pyyaml(text: str) -> None:
    with pytest.raises(NotRead, match=r"line \d+ is more than can be read without PyYAML: pip install pyyaml"):
        read_subset(text)


def test_says_that_a_key_is_there_twice() -> None:
    with pytest.raises(NotRead, match='line 2: "a" is there twice'):
        read_subset("a: 1\na: 2\n")
