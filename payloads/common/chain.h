/*
 * The core's clock as a program sees it: a chain of additions each of which needs the one before takes one cycle per
 * addition on every core built since 1993. Register to register, never an immediate: Golden Cove adds those while
 * renaming, several in a cycle.
 */
#ifndef BENCHTUI_CHAIN_H
#define BENCHTUI_CHAIN_H

#include "common.h"

enum { ADDITIONS = 64 }; /* in a row between two branches, which run beside the chain */

#if defined(__x86_64__)
#define ADDITION "add %1, %0\n\t"
#elif defined(__aarch64__)
#define ADDITION "add %0, %0, %1\n\t"
#else
#error "the addition of this architecture is not known"
#endif
#define FOUR(x) x x x x

/* `blocks` x ADDITIONS additions of `by`; what they sum up to. */
static __attribute__((noinline, unused)) uint64_t add_in_a_chain(uint64_t blocks, uint64_t by) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < blocks; i++) __asm__ volatile(FOUR(FOUR(FOUR(ADDITION))) : "+r"(sum) : "r"(by) : "cc");
    return sum;
}

/* Cycles per second, the greatest of `samples` of about `seconds` each: what interrupts a sample makes it smaller. 0 if
   the additions were not made. */
static inline double clock_hertz(int samples, double seconds) {
    double greatest = 0.0;
    uint64_t blocks = (uint64_t)(seconds * 3e9 / ADDITIONS) + 1;
    for (int i = 0; i < samples; i++) {
        double start = now_seconds();
        uint64_t sum = add_in_a_chain(blocks, 3);
        double took = now_seconds() - start, hertz = (double)(blocks * ADDITIONS) / took;
        if (sum != 3 * blocks * ADDITIONS) return 0.0;
        if (hertz > greatest) greatest = hertz;
    }
    return greatest;
}

#endif
