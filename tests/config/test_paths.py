import stat
from pathlib import Path

from benchtui.config.paths import cache_dir, config_dir, known_paths, private_dir, state_dir, user_config_file


def test_follows_the_xdg_variables():
    environ = {"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/x"}
    assert config_dir(environ) == Path("/c/benchtui")
    assert state_dir(environ) == Path("/s/benchtui")
    assert cache_dir(environ) == Path("/x/benchtui")


def test_falls_back_below_home_and_ignores_relative_variables():
    environ = {"HOME": "/h", "XDG_STATE_HOME": "state", "XDG_CONFIG_HOME": ""}
    assert user_config_file(environ) == Path("/h/.config/benchtui/config.toml")
    assert state_dir(environ) == Path("/h/.local/state/benchtui")
    assert cache_dir(environ) == Path("/h/.cache/benchtui")


def test_private_folders_are_for_the_owner_alone(tmp_path):
    folder = private_dir(tmp_path / "a" / "b")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert private_dir(folder) == folder


def test_existing_folders_keep_their_mode(tmp_path):
    tmp_path.chmod(0o755)
    private_dir(tmp_path / "x")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_lists_them_all_with_their_use():
    paths = known_paths({"HOME": "/h"}, Path("/project"))
    assert {path.path for path in paths} >= {Path("/project/benchtui.toml"), Path("/h/.cache/benchtui")}
    assert all(path.use for path in paths)
