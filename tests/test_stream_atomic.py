"""An output is absent or whole."""

import os
import stat

import pytest

from logitkit.stream.atomic import replacing


def test_the_file_appears_when_it_is_whole(tmp_path):
    target = tmp_path / "x.bin"
    with replacing(target) as file:
        file.write(b"new")
        file.flush()
        assert not target.exists()
    assert target.read_bytes() == b"new" and os.listdir(tmp_path) == ["x.bin"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_what_was_there(tmp_path, error):
    target = tmp_path / "x.bin"
    target.write_bytes(b"old")
    with pytest.raises(error), replacing(target) as file:
        file.write(b"new")
        raise error
    assert target.read_bytes() == b"old" and os.listdir(tmp_path) == ["x.bin"]


def test_a_rename_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no"), replacing(tmp_path / "x") as file:
        file.write(b"new")
    assert os.listdir(tmp_path) == []


def test_permissions_follow_the_umask_or_the_old_file(tmp_path):
    before = os.umask(0o022)
    try:
        with replacing(tmp_path / "x"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o644
    (tmp_path / "x").chmod(0o600)
    with replacing(tmp_path / "x"):
        pass
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600


def test_a_symbolic_link_is_followed(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with replacing(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"new"
