// Threads that work on one call together and share a machine with others: but for the end of a call, nobody waits for one
// that lost its core.
#pragma once

#include <sched.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "crew.h"

INLINE void breathe() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// So many looks before the processor is given to whoever wants it: some ten microseconds and more.
enum { LOOKS = 2000 };

class Threads {
  public:
    explicit Threads(int count) : count(count), crew(count) {
        for (int number = 1; number < count; number++) others.emplace_back([this, number] { serve(number); });
    }

    ~Threads() {
        ended = true;
        call();
        for (auto &one : others) one.join();
    }

    // This thread does the work, and with it each of the others that is awake in time and wanted; so the work has to be
    // shared as it comes. Returns when nobody is at it any more. What waits for a disk says nothing of who wants the cores,
    // and is not `counted`.
    void run(const std::function<void(int)> &work, bool counted = true) {
        if (count == 1) return work(0);
        if (counted) crew.begin();
        taking = crew.size();
        if (taking > 1) {
            job = &work;
            inside.store(0, std::memory_order_release);
            call();
        }
        work(0);
        inside.fetch_or(CLOSED, std::memory_order_acq_rel);
        for (int look = 0; inside.load(std::memory_order_acquire) != CLOSED; look++)
            if (look < LOOKS) breathe();
            else sched_yield();
        if (counted) crew.end();
    }

    const int count;
    std::mutex turn;  // held by who has all of them work: others wait

  private:
    enum : uint32_t { CLOSED = 1u << 31 };

    void call() {
        calls.fetch_add(1, std::memory_order_release);
        calls.notify_all();
    }

    bool enter() {
        uint32_t now = inside.load(std::memory_order_relaxed);
        while (!(now & CLOSED))
            if (inside.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel)) return true;
        return false;
    }

    void serve(int number) {
        bool wanted = true;  // whoever is not sleeps at once
        for (uint32_t seen = 0; !ended;) {
            for (int look = 0; wanted && look < 20 * LOOKS && calls.load(std::memory_order_acquire) == seen; look++) {
                breathe();
                if (look % LOOKS == LOOKS - 1) sched_yield();
            }
            calls.wait(seen, std::memory_order_acquire);  // asleep, when the next call is not soon
            seen = calls.load(std::memory_order_acquire);
            wanted = number < taking;
            if (!wanted || !enter()) continue;
            (*job)(number);
            inside.fetch_sub(1, std::memory_order_acq_rel);
        }
    }

    Crew crew;
    std::atomic<int> taking{0};
    std::vector<std::thread> others;
    std::atomic<uint32_t> calls{0}, inside{CLOSED};
    std::atomic<bool> ended{false};
    const std::function<void(int)> *job = nullptr;
};
