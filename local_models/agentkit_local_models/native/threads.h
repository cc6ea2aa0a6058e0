// Threads that work on one call together and share a machine with others: they wait awake for a moment only.
#pragma once

#include <sched.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

INLINE void breathe() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// So many looks before the processor is given to whoever wants it: some ten microseconds.
enum { LOOKS = 2000 };

class Threads {
  public:
    explicit Threads(int count) : count(count) {
        for (int number = 1; number < count; number++) others.emplace_back([this, number] { serve(number); });
    }

    ~Threads() {
        ended = true;
        begin();
        for (auto &one : others) one.join();
    }

    // Every thread does the work once, this one too; returns when all are done.
    void run(const std::function<void(int)> &work) {
        job = &work;
        if (count > 1) begin();
        work(0);
        sync();
    }

    // Nobody goes on before all are here.
    void sync() {
        if (count == 1) return;
        uint32_t now = phase.load(std::memory_order_relaxed);
        if (arrived.fetch_add(1, std::memory_order_acq_rel) == count - 1) {
            arrived.store(0, std::memory_order_relaxed);
            phase.store(now + 1, std::memory_order_release);
            return;
        }
        for (int look = 0; phase.load(std::memory_order_acquire) == now; look++)
            if (look < LOOKS) breathe();
            else sched_yield();
    }

    const int count;
    std::mutex turn;  // held by who has all of them work: others wait

  private:
    void begin() {
        calls.fetch_add(1, std::memory_order_release);
        calls.notify_all();
    }

    void serve(int number) {
        for (uint32_t seen = 0;;) {
            for (int look = 0; look < 20 * LOOKS && calls.load(std::memory_order_acquire) == seen; look++) {
                breathe();
                if (look % LOOKS == LOOKS - 1) sched_yield();
            }
            calls.wait(seen, std::memory_order_acquire);  // asleep, when the next call is not soon
            seen++;
            if (ended) return;
            (*job)(number);
            sync();
        }
    }

    std::vector<std::thread> others;
    std::atomic<uint32_t> calls{0}, phase{0};
    std::atomic<int> arrived{0};
    std::atomic<bool> ended{false};
    const std::function<void(int)> *job = nullptr;
};
