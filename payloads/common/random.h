/*
 * Numbers without a pattern from a counter: any element of a vector or matrix can be made again when it is checked.
 */
#ifndef BENCHTUI_RANDOM_H
#define BENCHTUI_RANDOM_H

#include <stdint.h>

/* SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) at position `counter` of its sequence. */
static inline uint64_t mixed(uint64_t counter) {
    uint64_t z = counter * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* 0 <= value < 1, 53 bits. */
static inline double uniform(uint64_t counter) { return (double)(mixed(counter) >> 11) * 0x1p-53; }

#endif
