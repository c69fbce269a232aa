// Rows that lie side by side, their elements far apart: the axis is not the last one. A vector holds one element of
// sixteen rows as it is in memory; a tile is copied together, line by line, and done where it stays in a cache.
#pragma once

#include "rows/columns.hpp"
#include "rows/ways.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

template <bool Scaled, class T>
class TileRows {
    using F = F32x16;
    static constexpr int most = F::lanes;
    static constexpr int most_vectors = tile_rows / most;
    static constexpr std::int64_t ahead = 8; // elements of a row

public:
    explicit TileRows(const Tile& tile)
        : tile_(tile), vectors_((tile.rows + most - 1) / most), columns_(reinterpret_cast<F*>(tile.scratch)),
          q_(columns_ + vectors_ * tile.length) {
        load();
    }

    void softmax() {
        for_each([&](Columns<Scaled>& columns, int) { columns.softmax(q_); });
        store();
    }
    void log_softmax() {
        for_each([&](Columns<Scaled>& columns, int) { columns.log_softmax(); });
        store();
    }
    void logsumexp() {
        auto* out = static_cast<T*>(tile_.out);
        for_each([&](Columns<Scaled>& columns, int first) {
            alignas(64) double y[most], value[most];
            columns.mean().store(y);
            columns.log_sum().store(value);
            for (int i = 0; i < most && first + i < tile_.rows; ++i) {
                tile_.left[first + i] = cancels(y[i], value[i]);
                out[first + i] = narrow_to<T>(y[i] + value[i]);
            }
        });
    }

private:
    // Calls body(vector, part) for the rows from the first to the last.
    template <class Body>
    LOGITKIT_INLINE void for_vectors_of_rows(Body body) const {
        const int whole = tile_.rows / most;
        for (int v = 0; v < whole; ++v) body(v, Whole<F>{});
        if (whole < vectors_) body(whole, Part<F>{tile_.rows - whole * most});
    }

    void load() {
        for (F& m : max_) m = F::set1(-__builtin_inff());
        const T* x = static_cast<const T*>(tile_.x);
        for (std::int64_t j = 0; j < tile_.length; ++j, x += tile_.x_stride) {
            // The next elements are a page or more away, where the processor does not look ahead by itself.
            for (int i = 0; j + ahead < tile_.length && i < tile_.rows; i += 64 / static_cast<int>(sizeof(T))) {
                prefetch(x + ahead * tile_.x_stride + i);
            }
            for_vectors_of_rows([&](int v, auto part) {
                const F score = part.load(x + v * most, 0.0f);
                columns_[v * tile_.length + j] = score;
                max_[v] = max(score, max_[v]);
            });
        }
    }
    // Calls body(columns, first row) for sixteen rows at a time, if float exponentials serve them all; else they are
    // left.
    template <class Body>
    void for_each(Body body) {
        for (int v = 0; v < vectors_; ++v) {
            Columns<Scaled> columns(columns_ + v * tile_.length, tile_.length, max_[v], tile_.temperature);
            bool served[most], all = true;
            columns.served(served);
            const int first = v * most, some = tile_.rows - first < most ? tile_.rows - first : most;
            for (int i = 0; i < some; ++i) all &= served[i];
            for (int i = 0; i < some; ++i) tile_.left[first + i] = !all;
            done_[v] = all;
            if (all) body(columns, first);
        }
    }
    void store() const {
        T* out = static_cast<T*>(tile_.out);
        for (std::int64_t j = 0; j < tile_.length; ++j, out += tile_.out_stride) {
            for_vectors_of_rows([&](int v, auto part) {
                if (done_[v]) part.store(columns_[v * tile_.length + j], out + v * most);
            });
        }
    }

    const Tile& tile_;
    int vectors_;
    F* columns_;
    F* q_;
    F max_[most_vectors];
    bool done_[most_vectors];
};

template <class T, class Body>
inline void with_tile(const Tile& tile, Body body) {
    if (!may_be_anchored(tile.temperature)) {
        for (int i = 0; i < tile.rows; ++i) tile.left[i] = true;
        return;
    }
    with_scaled(tile.temperature, [&]<bool Scaled>() {
        TileRows<Scaled, T> rows(tile);
        body(rows);
    });
}

template <class T>
void softmax_tile(const Tile& tile) {
    with_tile<T>(tile, [](auto& rows) { rows.softmax(); });
}
template <class T>
void log_softmax_tile(const Tile& tile) {
    with_tile<T>(tile, [](auto& rows) { rows.log_softmax(); });
}
template <class T>
void logsumexp_tile(const Tile& tile) {
    with_tile<T>(tile, [](auto& rows) { rows.logsumexp(); });
}

// By operation and dtype; doubles have none.
constexpr TileKernel tile_table[anchored_op_count][dtype_count] = {
    {softmax_tile<float>, nullptr, softmax_tile<Float16>, softmax_tile<BFloat16>},
    {log_softmax_tile<float>, nullptr, log_softmax_tile<Float16>, log_softmax_tile<BFloat16>},
    {logsumexp_tile<float>, nullptr, logsumexp_tile<Float16>, logsumexp_tile<BFloat16>},
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
