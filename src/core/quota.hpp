// The share of the machine's CPUs that its control group leaves to this process.
#pragma once

#include <string>

namespace logitkit {

// Whole CPUs, rounded up, by the tightest quota of the process's group and of those above it; 0 where there is none.
// Reads cgroup v2 (cpu.max) and v1 (cpu.cfs_quota_us). The places are arguments for the tests.
int quota_cpus(const std::string& mount = "/sys/fs/cgroup", const std::string& membership = "/proc/self/cgroup");

} // namespace logitkit
