// Elements as a search sees them, M being the type of their masses.
#pragma once

#include <cstdint>

#include "vec/common.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

template <class M>
struct Entry {
    double score;
    std::int64_t position;
    M mass;

    bool is_before(const Entry& other) const {
        return score > other.score || (score == other.score && position < other.position);
    }
};

// Of entries in any order: the one at which their masses, in descending order, reach `part`, of which those before it
// are taken off. (Hoare's quickselect.)
template <class M>
inline Entry<M> entry_reaching(Entry<M>* entries, std::int64_t count, M& part) {
    for (;;) {
        const Entry<M> pivot = entries[count / 2];
        M before = 0;
        std::int64_t place = 0;
        for (std::int64_t i = 0; i < count; ++i) {
            if (!entries[i].is_before(pivot)) continue;
            before += entries[i].mass;
            const Entry<M> moved = entries[i];
            entries[i] = entries[place];
            entries[place++] = moved;
        }
        if (part <= before) {
            count = place;
            continue;
        }
        part -= before;
        if (part <= pivot.mass || count - place == 1) return pivot;
        // Behind the pivot.
        part -= pivot.mass;
        std::int64_t left = 0;
        for (std::int64_t i = place; i < count; ++i) {
            if (pivot.is_before(entries[i])) entries[left++] = entries[i];
        }
        count = left;
    }
}

struct Range {
    double low, high; // both belong to it
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
