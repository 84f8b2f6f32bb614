/*
 * Read bandwidth: every 8-byte word of a buffer is added up with vectors as wide as the compiler was allowed, in eight
 * independent sums, pass after pass. 8 bytes per word are counted and the sum has to be the words'. Included by cache.c
 * only.
 */
#ifndef BENCHTUI_CACHE_READ_H
#define BENCHTUI_CACHE_READ_H

#include "../common/chain.h"

#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64 };
#elif defined(__AVX2__)
enum { VECTOR_BYTES = 32 };
#else
enum { VECTOR_BYTES = 16 };
#endif
enum { SUMS = 8, BLOCK_BYTES = SUMS * VECTOR_BYTES };

typedef uint64_t vector __attribute__((vector_size(VECTOR_BYTES)));

static uint64_t word_at(uint64_t i) { return i * UINT64_C(0x9E3779B97F4A7C15); }

/* Writes the words and returns their sum. */
static uint64_t fill(uint64_t *words, uint64_t count) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) sum += words[i] = word_at(i);
    return sum;
}

/* `bytes` is a multiple of BLOCK_BYTES. Eight variables with names: gcc keeps an array of them in memory. */
static __attribute__((noinline)) uint64_t sum_of_words(const void *memory, uint64_t bytes, uint64_t passes) {
    vector a = {0}, b = {0}, c = {0}, d = {0}, e = {0}, f = {0}, g = {0}, h = {0};
    for (uint64_t pass = 0; pass < passes; pass++) {
        const vector *v = memory, *end = (const vector *)((const char *)memory + bytes);
        __asm__ volatile("" : "+r"(v) : : "memory"); /* no pass may be left out for being like the one before */
        for (; v < end; v += SUMS) {
            a += v[0], b += v[1], c += v[2], d += v[3];
            e += v[4], f += v[5], g += v[6], h += v[7];
        }
    }
    vector all = ((a + b) + (c + d)) + ((e + f) + (g + h));
    uint64_t sum = 0;
    for (size_t i = 0; i < VECTOR_BYTES / sizeof(uint64_t); i++) sum += all[i];
    return sum;
}

#endif
