#include "layout.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace logitkit {

Layout::Layout(const Request& request) : item_size(logitkit::item_size(request.dtype)) {
    const Operand* const operands[operand_count] = {&request.x,   &request.g,   &request.mask,  &request.temperature,
                                                    &request.out, &request.ids, &request.losses};
    for (int dim = 0; dim < request.dims; ++dim) {
        const bool reduced = request.reduced[dim];
        (reduced ? length : rows) *= request.shape[dim];
        if (request.shape[dim] == 1) continue;
        int& count = reduced ? row.dims : outer_dims;
        (reduced ? row.sizes : outer_sizes)[count] = request.shape[dim];
        for (int i = 0; i < operand_count; ++i) {
            (reduced ? places[i].strides : outer_strides[i])[count] = *operands[i] ? operands[i]->strides[dim] : 0;
        }
        ++count;
    }
    for (int i = 0; i < operand_count; ++i) places[i].data = operands[i]->data;
    collapse();
    for (int i = 0; i < operand_count; ++i) {
        places[i].next_row = outer_dims == 0 ? 0 : outer_strides[i][outer_dims - 1];
    }
    direct = (!has(Mask) || is_contiguous(Mask)) && is_contiguous(X) &&
             (!has(G) || (request.has_one_g() ? is_aligned(G) : is_contiguous(G))) &&
             (!has(Out) || (request.gives_rows() ? is_contiguous(Out) : is_aligned(Out)));
}

// Merges neighbouring dimensions that every operand walks in one step. The order of the elements of a row is theirs;
// the order of the rows is free, and the closest rows go last so that tiles take neighbours.
void Layout::collapse() {
    for (int i = 1; i < outer_dims; ++i) {
        for (int j = i; j > 0 && std::abs(outer_strides[X][j - 1]) < std::abs(outer_strides[X][j]); --j) {
            std::swap(outer_sizes[j - 1], outer_sizes[j]);
            for (auto& strides : outer_strides) std::swap(strides[j - 1], strides[j]);
        }
    }
    const auto merge = [&](int& dims, std::int64_t* sizes, auto strides_of) {
        int last = 0;
        for (int dim = 1; dim < dims; ++dim) {
            bool one_step = true;
            for (int i = 0; i < operand_count; ++i) {
                // An absent operand goes along with any step.
                one_step &= !has(i) || strides_of(i)[last] == strides_of(i)[dim] * sizes[dim];
            }
            if (one_step) {
                sizes[last] *= sizes[dim];
            } else {
                sizes[++last] = sizes[dim];
            }
            for (int i = 0; i < operand_count; ++i) strides_of(i)[last] = strides_of(i)[dim];
        }
        dims = std::min(dims, last + 1);
    };
    merge(outer_dims, outer_sizes, [&](int i) { return outer_strides[i]; });
    merge(row.dims, row.sizes, [&](int i) { return places[i].strides; });
}

bool Layout::is_aligned(int operand) const {
    const std::int64_t size = operand == Mask ? 1 : item_size;
    const auto address = reinterpret_cast<std::uintptr_t>(places[operand].data);
    bool aligned = address % static_cast<std::uintptr_t>(size) == 0;
    for (int dim = 0; dim < outer_dims; ++dim) aligned &= outer_strides[operand][dim] % size == 0;
    return aligned;
}

bool Layout::is_contiguous(int operand) const {
    const std::int64_t size = operand == Mask ? 1 : item_size;
    return is_aligned(operand) && (row.dims == 0 || (row.dims == 1 && places[operand].strides[0] == size));
}

char* Layout::row_data(int operand, std::int64_t index) const {
    char* data = places[operand].data;
    if (data == nullptr) return data;
    for (int dim = outer_dims - 1; dim >= 0; --dim) {
        data += index % outer_sizes[dim] * outer_strides[operand][dim];
        index /= outer_sizes[dim];
    }
    return data;
}

std::int64_t Layout::run_from(std::int64_t index) const {
    return outer_dims == 0 ? 1 : outer_sizes[outer_dims - 1] - index % outer_sizes[outer_dims - 1];
}

} // namespace logitkit
