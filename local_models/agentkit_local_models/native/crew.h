// How many threads work on a call: fewer while other programs want the cores.
#pragma once

#include <time.h>

#include <algorithm>

// Two threads that share two cores with two compilers are slower than one of them: whoever comes to the end of a call waits
// for the other, which has lost its core for milliseconds, and gives its own away meanwhile. That the cores are wanted shows
// in a call that takes longer than its thread computes; a call that reads from a disk is not to be counted.
class Crew {
  public:
    explicit Crew(int most) : most(most), now(most) {}

    int size() const { return now; }

    // Before and after a call, by the thread that made it.
    void begin() { began = {seconds(CLOCK_MONOTONIC), seconds(CLOCK_THREAD_CPUTIME_ID)}; }
    void end() { add(seconds(CLOCK_MONOTONIC) - began.passed, seconds(CLOCK_THREAD_CPUTIME_ID) - began.computed); }

    // What a call took, and how much of that its thread computed.
    void add(double passed, double computed) {
        sum = {sum.passed + passed, sum.computed + computed};
        if (sum.passed < WINDOW) return;
        const double lost = 1 - sum.computed / sum.passed;
        sum = {};
        if (lost > BUSY) {
            if (tried) pause = std::min(2 * pause, LONGEST);
            tried = false;
            quiet = 0;
            now = std::max(now - step(), 1);
        } else if (lost > QUIET) {
            quiet = std::max(quiet - 1, 0);
        } else if (++quiet >= pause && now < most) {
            now = std::min(now + step(), most);
            tried = true;
            quiet = 0;
        } else if (quiet >= LONGEST) {  // all of them, and nobody minded
            pause = SHORTEST;
            tried = false;
        }
    }

  private:
    static constexpr double WINDOW = 0.05;  // seconds in calls, of which a share is lost
    static constexpr double BUSY = 0.25, QUIET = 0.1;
    static constexpr int SHORTEST = 2, LONGEST = 16;  // quiet windows before more threads are tried

    struct Times {
        double passed = 0, computed = 0;
    };

    static double seconds(clockid_t clock) {
        timespec found{};
        clock_gettime(clock, &found);
        return (double)found.tv_sec + 1e-9 * (double)found.tv_nsec;
    }

    int step() const { return (most + 3) / 4; }

    const int most;
    int now, pause = SHORTEST, quiet = 0;
    bool tried = false;  // more threads, since it was busy last
    Times began, sum;
};
