"""How much memory there is, by what the kernel says; files as Linux writes them (proc(5), cgroups(7))."""

import pytest

from kerasnets.memory import available_memory, memory_limit

MIB = 2**20
UNLIMITED = "9223372036854771712"


def _written(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"{text}\n")
    return root


HOST = {"proc/meminfo": f"MemTotal:  {24 * 2**20} kB\nMemFree:  1000 kB\nMemAvailable:  {20 * 2**20} kB"}


def _group(folder, limit, used, cache, version):
    names = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
        2: ("memory.max", "memory.current", ""),
    }[version]
    return {
        f"sys/fs/cgroup/{folder}/{names[0]}": limit,
        f"sys/fs/cgroup/{folder}/{names[1]}": used,
        f"sys/fs/cgroup/{folder}/memory.stat": f"{names[2]}active_file 0\n{names[2]}inactive_file {cache}",
    }


@pytest.mark.parametrize(
    ("groups", "limit", "available"),
    [
        ({}, 24 * 1024, 20 * 1024),
        (
            {"proc/self/cgroup": "0::/job"} | _group("job", 512 * MIB, 300 * MIB, 100 * MIB, 2),
            *(512, 312),
        ),
        (  # the limit is that of a group above
            {"proc/self/cgroup": "0::/job/step"}
            | _group("job", 700 * MIB, 800 * MIB, 0, 2)
            | _group("job/step", "max", 5 * MIB, 0, 2),
            *(700, 0),
        ),
        (  # a container that sees its own group as the root, though it is named otherwise
            {"proc/self/cgroup": "5:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab\n0::/"}
            | _group("memory", 300 * MIB, 90 * MIB, 50 * MIB, 1),
            *(300, 260),
        ),
        (
            {"proc/self/cgroup": "4:memory:/a:b"} | _group("memory/a:b", UNLIMITED, 5 * MIB, 0, 1),
            *(24 * 1024, 20 * 1024),
        ),
    ],
    ids=["host", "version 2", "above", "version 1", "unlimited"],
)
def test_the_smallest_limit_counts(tmp_path, groups, limit, available):
    root = _written(tmp_path, HOST | groups)
    assert memory_limit(root) == limit * MIB
    assert available_memory(root) == available * MIB


def test_this_machine_has_memory():
    assert 2**28 < available_memory() <= memory_limit()
