from pathlib import Path

import pytest
import torch

from interlith.structures.errors import RequestError
from interlith.workflows.engines import catalogue
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.learned import load_chgnet
from interlith.workflows.engines.settings import engine_settings


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder of our own, and none of the person's settings."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for name in ("THREADS", "DEVICE", "KEEP_MEMORY"):
        monkeypatch.delenv(f"INTERLITH_{name}", raising=False)
    return tmp_path


def test_defaults_without_file_or_environment(home):
    settings = engine_settings()
    assert (settings.threads, settings.device, settings.keep_memory) == (None, "cpu", True)


def test_environment_goes_before_the_file(home, monkeypatch):
    (home / ".interlith.yaml").write_text("threads: 3\ndevice: cuda:1\nworkspace: elsewhere\n")
    assert (engine_settings().threads, engine_settings().device) == (3, "cuda:1")
    monkeypatch.setenv("INTERLITH_THREADS", "2")
    assert (engine_settings().threads, engine_settings().device) == (2, "cuda:1")


@pytest.mark.parametrize(("name", "value"), [("THREADS", "0"), ("THREADS", "many"), ("DEVICE", "gpu")])
def test_a_wrong_value_is_named(home, monkeypatch, name, value):
    monkeypatch.setenv(f"INTERLITH_{name}", value)
    with pytest.raises(RequestError) as caught:
        engine_settings()
    assert f"INTERLITH_{name}" in str(caught.value)
    assert value in str(caught.value)


@pytest.mark.parametrize("text", ["threads: [1", "\xff\xfe".encode("utf-16").decode("latin-1")])
def test_an_unreadable_file_is_named(home, text):
    (home / ".interlith.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(RequestError, match=r"\.interlith\.yaml"):
        engine_settings()


def test_threads_reach_torch_and_change_no_method(home, monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setenv("INTERLITH_THREADS", "2")
    try:
        method = load_chgnet(catalogue.ENTRIES["chgnet"], {}).method()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert method == catalogue.load(EngineChoice(name="chgnet")).method()


def test_a_device_that_is_not_here_is_refused(home):
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(RequestError, match=r"'cuda' is not available.*use device cpu"):
        catalogue.load(EngineChoice(name="chgnet", options={"device": "cuda"}))
