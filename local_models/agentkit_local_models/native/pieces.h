// An operation in pieces: whoever is free takes the next one, and who finds none left makes those again that somebody
// took and does not finish, because the system gave its core to another program.
#pragma once

#include <algorithm>
#include <chrono>

#include "threads.h"

// How many of an operation's blocks are a piece; four are multiplied together.
inline int64_t blocks_at_once(int64_t total, int threads) {
    int64_t at_once = std::max<int64_t>(total / (8 * threads), 1);
    return at_once > 1 ? (at_once + 2) / 4 * 4 : 1;
}

// Pieces, the last quarter of the blocks in smaller ones: nobody waits long for whoever is at the last.
struct Cut {
    int64_t total, large, small, larges;
    int count;

    Cut(int64_t total, int threads) : total(total), large(blocks_at_once(total, threads)) {
        small = large >= 16 ? large / 4 / 4 * 4 : large;
        larges = large == small ? 0 : total * 3 / 4 / large;
        count = (int)(larges + (total - larges * large + small - 1) / small);
    }

    int64_t begin(int64_t piece) const {
        return piece <= larges ? piece * large : std::min(larges * large + (piece - larges) * small, total);
    }
};

class Pieces {
  public:
    explicit Pieces(int threads) : threads(threads), made(32 * threads + 2) {}

    // Before anybody takes part.
    void reset() {
        next.store(0, std::memory_order_relaxed);
        done.store(0, std::memory_order_relaxed);
        for (auto &one : made) one.store(false, std::memory_order_relaxed);
    }

    // Take part; returns when all of it is done. `prepare()` is called first, unless it is done already. Several threads
    // may make the same piece, and one of them puts it where it belongs: `make(begin, end)` writes only what is this
    // thread's own, and `put(begin, end)` from there to what all can see. Who comes late reads what later operations
    // have written by then; what it makes of that is dropped.
    template <class Prepare, class Make, class Put>
    void share(int64_t total, Prepare &&prepare, Make &&make, Put &&put) {
        const Cut cut(total, threads);
        const int count = cut.count;
        if (done.load(std::memory_order_acquire) == count) return;
        prepare();
        auto one = [&](int piece) {
            int64_t begin = cut.begin(piece), end = cut.begin(piece + 1);
            make(begin, end);
            if (made[piece].exchange(true, std::memory_order_acq_rel)) return;
            put(begin, end);
            done.fetch_add(1, std::memory_order_acq_rel);
        };
        auto began = Clock::now();
        int taken = 0;
        for (int piece; (piece = next.fetch_add(1, std::memory_order_relaxed)) < count; taken++) one(piece);
        if (done.load(std::memory_order_acquire) == count) return;
        await(count, taken ? 2 * (Clock::now() - began) / taken : std::chrono::microseconds(50), one);
    }

  private:
    using Clock = std::chrono::steady_clock;

    // Whoever still makes a piece may be almost done with it; or does nothing, for milliseconds.
    template <class One> void await(int count, Clock::duration patience, One &&one) {
        auto until = Clock::now() + patience;
        for (int look = 1; done.load(std::memory_order_acquire) < count; look++) {
            breathe();
            if (look % 32 || Clock::now() < until) continue;
            bool helped = false;
            for (int piece = 0; piece < count && done.load(std::memory_order_acquire) < count; piece++)
                if (!made[piece].load(std::memory_order_acquire)) one(piece), helped = true;
            if (!helped) sched_yield();  // it is just being put
        }
    }

    const int threads;
    std::atomic<int> next{0}, done{0};
    std::vector<std::atomic<bool>> made;
};
