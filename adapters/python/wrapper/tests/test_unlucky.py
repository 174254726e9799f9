"""Answers, environments and connections that are unlucky."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vivace_wrapper import _worker
from vivace_wrapper._answer import WrongAnswer, outputs_of
from vivace_wrapper._frames import Frame, encode
from vivace_wrapper._model import LoadFailed, load_model
from vivace_wrapper._requirements import differences
from vivace_wrapper._signature import Signature, TensorSpec, parse_signature

SIGNATURE = {
    "inputs": [{"name": "a", "datatype": "FP32", "shape": [-1]}],
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1]}],
}


def test_ends_a_connection_that_says_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(_worker, "GREETING_SECONDS", 0.05)
    # This process goes on, and may be interrupted.
    monkeypatch.setattr("vivace_wrapper._worker.signal.signal", lambda *_: None)
    for said in (b"", b"\0" * 7):
        ours, theirs = socket.socketpair()
        ours.sendall(said)
        assert _worker.run(theirs) == 1
        assert "no LOAD within 0.05 s" in capsys.readouterr().err
        ours.close()


def test_hosts_no_runtime_that_it_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="pytorch is none of the runtimes python, sklearn"):
        load_model(str(tmp_path), "predictor.py", "pytorch", parse_signature(SIGNATURE))


def test_says_what_a_file_of_joblib_raised_though_it_asks_to_leave(tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")

    joblib.dump(_Leaves(), tmp_path / "model.joblib")
    with pytest.raises(LoadFailed, match="does not load as sklearn: SystemExit: 7"):
        load_model(str(tmp_path), "model.joblib", "sklearn", parse_signature(SIGNATURE))


class _Leaves:
    def __reduce__(self) -> Any:
        return sys.exit, (7,)


def declared(datatype: str, *shape: int) -> Signature:
    return Signature((), (TensorSpec("y", datatype, (-1, *shape)),))


def test_shows_no_value_that_a_mask_hides() -> None:
    masked = np.ma.masked_array([1.0, 2.0], mask=[False, True])
    assert outputs_of(masked, declared("FP32"), 2)[0].array.tolist() == pytest.approx([1.0, float("nan")], nan_ok=True)
    whole = np.ma.masked_array([1, 2], mask=[False, True])
    assert outputs_of(whole, declared("FP64"), 2)[0].array.tolist() == pytest.approx([1.0, float("nan")], nan_ok=True)
    for datatype in ("INT64", "BYTES"):
        with pytest.raises(WrongAnswer, match=f"has masked values, which {datatype} cannot hold"):
            outputs_of(whole, declared(datatype), 2)
    assert outputs_of(np.ma.masked_array([1, 2]), declared("INT64"), 2)[0].array.tolist() == [1, 2]


def test_casts_though_a_model_has_asked_numpy_for_errors() -> None:
    with np.errstate(all="raise"):
        answer = outputs_of(np.array([1e-300, np.inf]), declared("FP32"), 2)
    assert answer[0].array.tolist() == [0, float("inf")]


def test_sends_one_for_every_byte_that_means_true() -> None:
    odd = np.array([[0, 1], [2, 255]], np.uint8).view(bool)
    tensor = outputs_of(odd, declared("BOOL", 2), 2)[0]
    assert bytes(encode(Frame("RESULT", 1, tensors=[tensor]))[1]) == b"\0\1\1\1"


class TestRequirements:
    def written(self, directory: Path, text: str, encoding: str = "utf-8") -> list[str]:
        (directory / "requirements.txt").write_bytes(text.encode(encoding))
        return differences(str(directory))

    @pytest.mark.parametrize(
        "line",
        [
            "git+https://example.com/numpy.git@v1",
            "https://example.com/a-1.0-py3-none-any.whl",
            "a-1.0-py3-none-any.whl",
            "wheels/a.whl",
            "./a",
            "-e .",
            "--index-url https://example.com",
        ],
    )
    def test_looks_at_no_address_and_no_path(self, tmp_path: Path, line: str) -> None:
        assert self.written(tmp_path, line) == []

    def test_looks_at_the_name_of_what_comes_from_an_address(self, tmp_path: Path) -> None:
        assert self.written(tmp_path, "numpy @ https://example.com/numpy.whl") == []
        assert self.written(tmp_path, "nothing-like-this @ file:///nowhere") == [
            "nothing-like-this @ file:///nowhere is not installed"
        ]

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_reads_what_windows_writes(self, tmp_path: Path, encoding: str) -> None:
        assert self.written(tmp_path, "numpy==0.1\r\n", encoding) == [f"numpy==0.1, but {np.__version__} is installed"]

    def test_says_that_it_is_not_a_text(self, tmp_path: Path) -> None:
        (tmp_path / "requirements.txt").write_bytes(b"numpy==\xe9\n")
        assert len(differences(str(tmp_path))) == 1
        assert differences(str(tmp_path))[0].startswith("requirements.txt cannot be read: 'utf-8' codec")

    def test_looks_at_pins_with_markers_where_the_package_is_installed(self, tmp_path: Path) -> None:
        marker = "python_version >= '3.9'"
        assert self.written(tmp_path, f"numpy==0.1 ; {marker}") == [f"numpy==0.1, but {np.__version__} is installed"]
        assert self.written(tmp_path, f"nothing-like-this==1; {marker}") == []
        # Of a lock for several Pythons, one line is meant.
        assert self.written(tmp_path, f"numpy==0.1 ; {marker}\nNumPy=={np.__version__} ; {marker}") == []

    def test_says_that_a_package_does_not_say_its_version(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "half-2.0.dist-info").mkdir()
        (tmp_path / "half-2.0.dist-info" / "METADATA").write_text("Name: half\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        assert self.written(tmp_path, "half==2.0") == ["half==2.0, but what is installed does not say its version"]
