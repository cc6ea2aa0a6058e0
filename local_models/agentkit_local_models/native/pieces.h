// An operation in pieces: whoever is free takes the next one, and who finds none left makes those again that somebody
// took and does not finish, because the system gave its core to another program.
#pragma once

#include <algorithm>
#include <chrono>

#include "threads.h"

// How many of an operation's blocks are a piece; up to four are multiplied together.
inline int64_t blocks_at_once(int64_t total, int threads) {
    int64_t at_once = std::max<int64_t>(total / (8 * threads), 1);
    return at_once > 1 ? (at_once + 2) / 4 * 4 : 1;
}

// Pieces of one thread's part, the last quarter of the blocks in smaller ones: nobody waits long for whoever is at the last.
struct Cut {
    int64_t total, large, small, larges;
    int count;

    explicit Cut(int64_t total) : total(total), large(blocks_at_once(total, 1)) {
        small = large >= 16 ? large / 4 / 4 * 4 : large;
        larges = large == small ? 0 : total * 3 / 4 / large;
        count = (int)(larges + (total - larges * large + small - 1) / small);
    }

    int64_t begin(int64_t piece) const {
        return piece <= larges ? piece * large : std::min(larges * large + (piece - larges) * small, total);
    }
};

// Parts of an operation, each of which lies together in memory, for every thread or for some; each in as many pieces as
// every other, of which the last part's may be empty.
struct Cuts {
    int64_t total, size;
    Cut cut;
    int parts, count;

    Cuts(int64_t total, int threads)
        : total(total), size(part_of(total, threads)), cut(size), parts(size ? (int)((total + size - 1) / size) : 0), count(parts * cut.count) {}

    int64_t begin(int piece) const { return bounded(piece, piece % cut.count); }
    int64_t end(int piece) const { return bounded(piece, piece % cut.count + 1); }

  private:
    static int64_t part_of(int64_t total, int threads) {
        const int64_t fair = (total + threads - 1) / threads;
        return fair < 16 ? fair : (fair + 3) / 4 * 4;
    }

    int64_t bounded(int piece, int64_t cuts) const {
        const int64_t owner = piece / cut.count;
        return std::min({owner * size + cut.begin(cuts), (owner + 1) * size, total});
    }
};

class Pieces {
  public:
    explicit Pieces(int threads) : threads(threads), next(threads), made(34 * threads) {}

    // Before anybody takes part.
    void reset() {
        for (auto &one : next) one.piece.store(0, std::memory_order_relaxed);
        done.store(0, std::memory_order_relaxed);
        for (auto &one : made) one.store(false, std::memory_order_relaxed);
    }

    // Take part as this thread: its own part first, then what is left of others'. Returns when all of it is done.
    // `prepare()` is called first, unless it is done already. Several threads may make the same piece, and one of them
    // puts it where it belongs: `make(begin, end)` writes only what is this thread's own, and `put(begin, end)` from
    // there to what all can see. Who comes late reads what later operations have written by then; what it makes of that
    // is dropped.
    template <class Prepare, class Make, class Put>
    void share(int number, int64_t total, Prepare &&prepare, Make &&make, Put &&put) {
        const Cuts cuts(total, threads);
        const int count = cuts.count;
        if (done.load(std::memory_order_acquire) == count) return;
        prepare();
        auto one = [&](int piece) {
            int64_t begin = cuts.begin(piece), end = cuts.end(piece);
            make(begin, end);
            if (made[piece].exchange(true, std::memory_order_acq_rel)) return begin < end;
            put(begin, end);
            done.fetch_add(1, std::memory_order_acq_rel);
            return begin < end;  // an empty one takes no time
        };
        auto began = Clock::now();
        int taken = 0;
        for (int turn = 0; turn < cuts.parts; turn++) {
            const int part = (number + turn) % cuts.parts;
            auto &free = next[part].piece;
            if (free.load(std::memory_order_relaxed) >= cuts.cut.count) continue;
            for (int piece; (piece = free.fetch_add(1, std::memory_order_relaxed)) < cuts.cut.count;) taken += one(part * cuts.cut.count + piece);
        }
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

    struct alignas(64) Next {  // of one thread's part; those of others are elsewhere in the cache
        std::atomic<int> piece{0};
    };

    const int threads;
    std::vector<Next> next;
    std::atomic<int> done{0};
    std::vector<std::atomic<bool>> made;
};
