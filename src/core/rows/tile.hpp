// Rows that lie side by side, their elements far apart: the axis is not the last one. A vector holds one element of
// sixteen rows as it is in memory; a tile is copied together, line by line, and done where it stays in a cache.
#pragma once

#include "rows/column_gradient.hpp"
#include "rows/columns.hpp"
#include "rows/ways.hpp"

namespace logitkit::LOGITKIT_ISA {
namespace {

// The lines of n elements, the last too: one line that is waited for in every column costs more than all others.
template <class T>
inline void prefetch_elements(const T* x, int n) {
    for (int i = 0; i < n; i += 64 / static_cast<int>(sizeof(T))) prefetch(x + i);
    prefetch(x + (n - 1));
}

// Between the rows of a tile and columns in scratch, those of sixteen rows after those of the sixteen before.
class TileColumns {
    using F = F32x16;
    static constexpr int most = F::lanes;
    static constexpr std::int64_t ahead = 8; // elements of a row

public:
    explicit TileColumns(const Tile& tile)
        : vectors((tile.rows + most - 1) / most), rows_(tile.rows), length_(tile.length) {}

    // Of the sixteen rows v: how many there are, and a bit for each.
    int rows_from(int v) const { return rows_ - v * most < most ? rows_ - v * most : most; }
    unsigned rows_wanted(int v) const { return (1u << rows_from(v)) - 1; }

    // Calls body(part) for them.
    template <class Body>
    void with_part(int v, Body body) const {
        rows_from(v) == most ? body(Whole<F>{}) : body(Part<F>{rows_from(v)});
    }
    // Calls each(v, column) for every column of the sixteen rows v.
    template <class T, class Each>
    LOGITKIT_INLINE void load(const void* from, std::int64_t stride, F* columns, Each each) const {
        const T* x = static_cast<const T*>(from);
        for (std::int64_t j = 0; j < length_; ++j, x += stride) {
            // The next elements, those of the rows after these at last, are a page or more away, where the processor
            // does not look ahead by itself.
            const T* const next = x + (j + ahead < length_ ? ahead * stride : (ahead - length_) * stride + rows_);
            prefetch_elements(next, rows_);
            for_vectors_of_rows([&](int v, auto part) {
                const F column = part.load(x + v * most, 0.0f);
                columns[v * length_ + j] = column;
                each(v, column);
            });
        }
    }
    // Of the sixteen rows that are `done`.
    template <class T>
    void store(const F* columns, const bool* done, void* to, std::int64_t stride) const {
        T* out = static_cast<T*>(to);
        for (std::int64_t j = 0; j < length_; ++j, out += stride) {
            for_vectors_of_rows([&](int v, auto part) {
                if (done[v]) part.store(columns[v * length_ + j], out + v * most);
            });
        }
    }

    const int vectors;

private:
    // Calls body(vector, part) for the rows from the first to the last.
    template <class Body>
    LOGITKIT_INLINE void for_vectors_of_rows(Body body) const {
        const int whole = rows_ / most;
        for (int v = 0; v < whole; ++v) body(v, Whole<F>{});
        if (whole < vectors) body(whole, Part<F>{rows_ - whole * most});
    }

    int rows_;
    std::int64_t length_;
};

// What is needed next, see FetchVectors: the lines that sixteen rows' share of a tile goes to, and of small tiles,
// which leave room in the caches, those of the rows after these.
template <class T>
class FetchTile {
public:
    FetchTile(const Tile& tile, const TileColumns& copy, int vector)
        : tile_(tile), copy_(copy), vector_(vector), is_small_(tile.rows * tile.length <= 16384) {}

    void operator()(int i, int parts) const {
        const std::int64_t share = vector_ * parts + i, shares = copy_.vectors * parts;
        for (std::int64_t j = tile_.length * share / shares; j < tile_.length * (share + 1) / shares; ++j) {
            if (tile_.out_stride != 0) fetch(tile_.out, j * tile_.out_stride);
            if (is_small_) fetch(tile_.x, j * tile_.x_stride + tile_.rows);
            if (is_small_ && tile_.g != nullptr) fetch(tile_.g, j * tile_.g_stride + tile_.rows);
        }
    }

private:
    void fetch(const void* x, std::int64_t at) const { prefetch_elements(static_cast<const T*>(x) + at, tile_.rows); }

    const Tile& tile_;
    const TileColumns& copy_;
    int vector_;
    bool is_small_;
};

template <bool Scaled, class T>
class TileRows {
    using F = F32x16;
    static constexpr int most = F::lanes;
    static constexpr int most_vectors = tile_rows / most;
    using Rows = Columns<Scaled, FetchTile<T>>;

public:
    explicit TileRows(const Tile& tile)
        : tile_(tile), copy_(tile), columns_(reinterpret_cast<F*>(tile.scratch)),
          q_(columns_ + copy_.vectors * tile.length) {
        for (F& m : max_) m = F::set1(-__builtin_inff());
        copy_.load<T>(tile.x, tile.x_stride, columns_,
                      [&](int v, F score) LOGITKIT_INLINE { max_[v] = max(score, max_[v]); });
    }

    void softmax() {
        for_each([&](Rows& columns, int) { columns.softmax(q_); });
        store();
    }
    void log_softmax() {
        for_each([&](Rows& columns, int) { columns.log_softmax(); });
        store();
    }
    void logsumexp() {
        auto* out = static_cast<T*>(tile_.out);
        for_each([&](Rows& columns, int v) {
            unsigned again;
            const F values = columns.logsumexp(again);
            copy_.with_part(v, [&](auto part) { part.store(values, out + v * most); });
            for (int i = 0; i < copy_.rows_from(v); ++i) tile_.left[v * most + i] = again >> i & 1;
        });
    }

private:
    // Calls body(columns, v) for sixteen rows at a time, if float exponentials serve them all; else they are
    // left.
    template <class Body>
    void for_each(Body body) {
        for (int v = 0; v < copy_.vectors; ++v) {
            Rows columns(columns_ + v * tile_.length, tile_.length, max_[v], tile_.temperature,
                         FetchTile<T>(tile_, copy_, v));
            const unsigned wanted = copy_.rows_wanted(v);
            done_[v] = (columns.served() & wanted) == wanted;
            for (int i = 0; i < copy_.rows_from(v); ++i) tile_.left[v * most + i] = !done_[v];
            if (done_[v]) body(columns, v);
        }
    }
    void store() const { copy_.store<T>(columns_, done_, tile_.out, tile_.out_stride); }

    const Tile& tile_;
    TileColumns copy_;
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

// vjp(columns) of sixteen rows gives a bit for each that floats serve.
template <class T, class Vjp>
inline void gradient_tile(const Tile& tile, Vjp vjp) {
    using F = F32x16;
    const TileColumns copy(tile);
    F* const x = reinterpret_cast<F*>(tile.scratch);
    F* const g = x + copy.vectors * tile.length;
    bool done[tile_rows / F::lanes] = {};
    if (tile.temperature == 1) {
        copy.load<T>(tile.x, tile.x_stride, x, [](int, F) LOGITKIT_INLINE {});
        copy.load<T>(tile.g, tile.g_stride, g, [](int, F) LOGITKIT_INLINE {});
        for (int v = 0; v < copy.vectors; ++v) {
            const unsigned wanted = copy.rows_wanted(v);
            const FetchTile<T> fetch(tile, copy, v);
            GradientColumns columns(x + v * tile.length, g + v * tile.length, tile.length, fetch);
            done[v] = (vjp(columns) & wanted) == wanted;
        }
        copy.store<T>(x, done, tile.out, tile.out_stride);
    }
    for (int i = 0; i < tile.rows; ++i) tile.left[i] = !done[i / F::lanes];
}
template <class T>
void softmax_vjp_tile(const Tile& tile) {
    gradient_tile<T>(tile, [](auto columns) { return columns.softmax_vjp(); });
}
template <class T>
void log_softmax_vjp_tile(const Tile& tile) {
    gradient_tile<T>(tile, [](auto columns) { return columns.log_softmax_vjp(); });
}

#define LOGITKIT_TILE_KERNELS(operation) {operation<float>, nullptr, operation<Float16>, operation<BFloat16>}

// By operation and dtype; doubles have none.
constexpr TileKernel tile_table[tiled_op_count][dtype_count] = {
    LOGITKIT_TILE_KERNELS(softmax_tile),     LOGITKIT_TILE_KERNELS(log_softmax_tile),
    LOGITKIT_TILE_KERNELS(logsumexp_tile),   {}, // entropy
    LOGITKIT_TILE_KERNELS(softmax_vjp_tile), LOGITKIT_TILE_KERNELS(log_softmax_vjp_tile),
};

} // namespace
} // namespace logitkit::LOGITKIT_ISA
