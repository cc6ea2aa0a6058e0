// Twice as many numbers as a register holds, for processors without AVX-512: two vectors side by side, that are computed with
// as one. The compiler's own vectors of 64 bytes are no way there: it keeps them in memory and fills them number by number.
#pragma once

#include <type_traits>

#define INLINE static inline __attribute__((always_inline))

template <class V> struct Pair;
template <class V> INLINE Pair<V> pair(V low, V high) { return {low, high}; }

template <class V> struct Pair {
    using Number = std::remove_cvref_t<decltype(V{}[0])>;
    V low, high;

    // The same bits as other numbers.
    template <class W> __attribute__((always_inline)) explicit operator Pair<W>() const { return {(W)low, (W)high}; }

#define FRIEND friend inline __attribute__((always_inline)) auto
// Lane by lane, of two pairs, or of one and a number that all lanes have.
#define OPERATOR(op)                                                                          \
    FRIEND operator op(Pair a, Pair b) { return pair(a.low op b.low, a.high op b.high); }     \
    FRIEND operator op(Pair a, Number b) { return pair(a.low op b, a.high op b); }            \
    FRIEND operator op(Number a, Pair b) { return pair(a op b.low, a op b.high); }
    OPERATOR(+)
    OPERATOR(-)
    OPERATOR(*)
    OPERATOR(/)
    OPERATOR(&)
    OPERATOR(|)
    OPERATOR(^)
    OPERATOR(<<)
    OPERATOR(>>)
    OPERATOR(<)
    OPERATOR(>)
    OPERATOR(>=)
#undef OPERATOR
    FRIEND operator-(Pair a) { return pair(-a.low, -a.high); }
#undef FRIEND

    template <class Other> __attribute__((always_inline)) Pair &operator+=(Other b) { return *this = *this + b; }
    template <class Other> __attribute__((always_inline)) Pair &operator-=(Other b) { return *this = *this - b; }
    template <class Other> __attribute__((always_inline)) Pair &operator*=(Other b) { return *this = *this * b; }
};

template <class V> constexpr bool is_pair = false;
template <class V> constexpr bool is_pair<Pair<V>> = true;
