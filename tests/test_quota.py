"""The CPUs that control groups leave to a process, read from trees as the kernel shows them."""

import os

import pytest

from logitkit import _core


def tree(root, membership, files):
    """Write a mount with files and the process's membership; return what the core makes of them."""
    for name, text in files.items():
        path = root / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    own = root / "cgroup"
    own.write_text(membership, encoding="utf-8")
    return _core.quota_cpus(str(root / "mount"), str(own))


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("max 100000\n", 0),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("10000 100000\n", 1),
        ("100000 50000\n", 2),
        ("", 0),
        ("nonsense", 0),
    ],
)
def test_version_2_rounds_up_to_whole_cpus(tmp_path, text, cpus):
    assert tree(tmp_path, "0::/\n", {"cpu.max": text}) == cpus


def test_the_tightest_of_the_groups_above_counts(tmp_path):
    files = {"cpu.max": "max 100000", "a/cpu.max": "300000 100000", "a/b/cpu.max": "800000 100000"}
    assert tree(tmp_path, "0::/a/b\n", files) == 3
    assert tree(tmp_path, "0::/a\n", files) == 3
    assert tree(tmp_path, "0::/\n", files) == 0


def test_version_1(tmp_path):
    folder = "cpu,cpuacct/docker"
    files = {f"{folder}/cpu.cfs_quota_us": "250000\n", f"{folder}/cpu.cfs_period_us": "100000\n"}
    membership = "5:memory:/docker\n4:cpu,cpuacct:/docker\n"
    assert tree(tmp_path, membership, files) == 3
    files[f"{folder}/cpu.cfs_quota_us"] = "-1\n"
    assert tree(tmp_path, membership, files) == 0


def test_no_membership_is_no_limit(tmp_path):
    assert _core.quota_cpus(str(tmp_path), str(tmp_path / "missing")) == 0


def test_the_default_is_the_affinity_mask_capped_by_the_quota():
    quota = _core.quota_cpus()
    allowed = len(os.sched_getaffinity(0))
    assert _core.available_cpus() == (min(quota, allowed) if quota else allowed)
