"""What `--device auto` takes, and what it says where a GPU cannot be used."""

from pathlib import Path

import pytest
import torch

from synthgen.cli import options
from synthgen.cli.options import Device, choose_device
from synthgen.core.errors import DeviceError, UsageError
from synthgen.render.device import check_device, rendering


def test_auto_takes_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device(Device.AUTO) == "cuda"
    assert choose_device(Device.CPU) == "cpu"


def test_auto_falls_back_to_the_cpu_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(options, "DRIVER", tmp_path / "none")
    assert choose_device(Device.AUTO) == "cpu"
    assert capsys.readouterr().err == ""  # a computer without a GPU is nothing to warn of
    (tmp_path / "version").write_text("NVRM version\n")
    monkeypatch.setattr(options, "DRIVER", tmp_path / "version")
    assert choose_device(Device.AUTO) == "cpu"
    assert "there is an NVIDIA GPU, but" in capsys.readouterr().err


def test_a_missing_device_is_told_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_device("cpu")
    check_device("cuda:1")
    with pytest.raises(UsageError, match="device cuda:2: this machine has 2 CUDA devices"):
        check_device("cuda:2")


def test_full_memory_is_one_message_and_the_threads_come_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        told = r"32 pictures of 96 x 128 does not fit.*--workers.*supersampling"
        with pytest.raises(DeviceError, match=told), rendering((96, 128)):
            assert torch.get_num_threads() == 1
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nmore")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
