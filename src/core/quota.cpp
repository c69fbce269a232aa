#include "quota.hpp"

#include <cmath>
#include <fstream>
#include <sstream>
#include <vector>

namespace logitkit {
namespace {

// CPU time over period of one group, 0 without a limit.
double v2_share(const std::string& folder) {
    // "max 100000", or "150000 100000": microseconds of CPU time in each period of so many.
    std::ifstream file(folder + "/cpu.max");
    std::string quota;
    double period = 0;
    if (!(file >> quota >> period) || quota == "max" || !(period > 0)) return 0;
    return std::strtod(quota.c_str(), nullptr) / period;
}

double v1_share(const std::string& folder) {
    std::ifstream quota_file(folder + "/cpu.cfs_quota_us"), period_file(folder + "/cpu.cfs_period_us");
    double quota = 0, period = 0;
    if (!(quota_file >> quota) || !(period_file >> period) || !(quota > 0 && period > 0)) return 0;
    return quota / period;
}

// The tightest share of a group and of those above it.
double tightest(const std::string& root, std::string group, double (*share)(const std::string&)) {
    double least = 0;
    for (;;) {
        const double one = share(root + group);
        if (one > 0 && (least == 0 || one < least)) least = one;
        const std::size_t slash = group.rfind('/');
        if (group.empty() || slash == std::string::npos) return least;
        group.erase(slash);
    }
}

} // namespace

int quota_cpus(const std::string& mount, const std::string& membership) {
    std::ifstream file(membership);
    double least = 0;
    // "0::/group" for v2, "4:cpu,cpuacct:/group" for v1.
    for (std::string line; std::getline(file, line);) {
        const std::size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        std::string group = line.substr(second + 1);
        if (group == "/") group.clear();
        double share = 0;
        if (controllers.empty()) {
            share = tightest(mount, group, v2_share);
        } else {
            std::istringstream names(controllers);
            for (std::string name; std::getline(names, name, ',');) {
                if (name == "cpu") share = tightest(mount + "/" + controllers, group, v1_share);
            }
        }
        if (share > 0 && (least == 0 || share < least)) least = share;
    }
    return least > 0 ? static_cast<int>(std::ceil(std::fmin(least, 1024))) : 0;
}

} // namespace logitkit
