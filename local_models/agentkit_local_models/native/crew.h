// How many threads work on a call: fewer while other programs want the cores.
#pragma once

#include <time.h>

#include <algorithm>

// Two threads that share two cores with two compilers are slower than one of them: whoever comes to the end of an operation
// waits for the other, which has lost its core for milliseconds, and gives its own away meanwhile. That the cores are wanted
// shows in a call that takes longer than its thread computes.
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
        const int step = (most + 3) / 4;
        if (lost > 0.25 && now > 1) {
            now = std::max(now - step, 1);
            pause = std::min(2 * pause, LONGEST);
            quiet = 0;
        } else if (lost > 0.1) {
            quiet = 0;
        } else if (++quiet >= (now < most ? pause : LONGEST)) {
            if (now == most) pause = SHORTEST;
            now = std::min(now + step, most);
            quiet = 0;
        }
    }

  private:
    static constexpr double WINDOW = 0.05;              // seconds in calls
    static constexpr int SHORTEST = 1, LONGEST = 32;  // quiet windows before there are more threads

    struct Times {
        double passed = 0, computed = 0;
    };

    static double seconds(clockid_t clock) {
        timespec found;
        clock_gettime(clock, &found);
        return (double)found.tv_sec + 1e-9 * (double)found.tv_nsec;
    }

    const int most;
    int now, pause = SHORTEST, quiet = 0;
    Times began, sum;
};
