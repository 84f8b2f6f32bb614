/*
 * The four kernels of STREAM beside the bytes they are charged with, and the one schedule by which every thread works
 * on the pages it touched first. Included by stream.c only.
 */
#ifndef BENCHTUI_STREAM_KERNELS_H
#define BENCHTUI_STREAM_KERNELS_H

#include <omp.h>

#include "../common/common.h"

enum { KERNELS = 4, CACHE_LINE = 128 };
enum kernel { COPY, SCALE, ADD, TRIAD };

static const double SCALAR = 3.0;
static const double EPSILON = 1e-13; /* McCalpin's tolerance for 8-byte elements */
/* Between the arrays, in elements: 16 pages and 8 lines. Arrays of 2^k bytes one behind the other have equal low
   address bits and compete inside the first-level cache: copy ran at 17.7 instead of 31 GB/s on Zen 4 without this. */
static const size_t OFFSET = 8256;

struct arrays {
    double *a, *b, *c;
    size_t n;
    void *memory;
    uint64_t bytes;
};

/* Elements each thread worked on in the passes so far: the proof that the team was as large as asked for. */
struct share {
    uint64_t elements;
    double error[3];
    int cpu, allowed;
    int pages, local; /* pages of its range that were looked up, and those on its own NUMA node */
    char padding[CACHE_LINE];
};

static struct share *shares;

/* ---- kernels ------------------------------------------------------------------------------------------
   Bytes are McCalpin's, 8 per element read or written; the read that a plain store causes before it writes
   (write-allocate) is not counted. */

typedef void (*kernel_function)(const struct arrays *v, size_t low, size_t high);

/* Together in a section of the binary, so that their machine code can be looked at. */
#define PLAIN_STORES static __attribute__((noinline, section("plain_kernels")))

/* 16 n bytes, 0 flops */
PLAIN_STORES void copy(const struct arrays *v, size_t low, size_t high) {
    double *restrict c = v->c;
    const double *restrict a = v->a;
    for (size_t i = low; i < high; i++) c[i] = a[i];
}

/* 16 n bytes, n flops */
PLAIN_STORES void scale(const struct arrays *v, size_t low, size_t high) {
    double *restrict b = v->b;
    const double *restrict c = v->c;
    for (size_t i = low; i < high; i++) b[i] = SCALAR * c[i];
}

/* 24 n bytes, n flops */
PLAIN_STORES void add(const struct arrays *v, size_t low, size_t high) {
    double *restrict c = v->c;
    const double *restrict a = v->a, *restrict b = v->b;
    for (size_t i = low; i < high; i++) c[i] = a[i] + b[i];
}

/* 24 n bytes, 2 n flops */
PLAIN_STORES void triad(const struct arrays *v, size_t low, size_t high) {
    double *restrict a = v->a;
    const double *restrict b = v->b, *restrict c = v->c;
    for (size_t i = low; i < high; i++) a[i] = b[i] + SCALAR * c[i];
}

static const char *const KERNEL_NAME[KERNELS] = {"copy", "scale", "add", "triad"};
static const uint64_t BYTES_PER_ELEMENT[KERNELS] = {16, 16, 24, 24};

/* ---- one static schedule for everything: a thread works on the pages it touched first ---------------------- */

struct range {
    size_t low, high;
};

static struct range range_of(size_t n, int thread, int threads) {
    size_t t = (size_t)thread, of = (size_t)threads, each = n / of, more = n % of; /* the first `more` get one more */
    size_t low = each * t + (t < more ? t : more);
    return (struct range){low, low + each + (t < more)};
}

/* Seconds of one pass of one kernel by the whole team over `part` of each thread's range: 0 = all of it, 1 = its
   lower half, 2 = its upper half. Fork and join are inside the time, as in the reference. */
static double pass(kernel_function kernel, const struct arrays *v, int threads, int part) {
    double start = now_seconds();
#pragma omp parallel num_threads(threads)
    {
        struct range r = range_of(v->n, omp_get_thread_num(), omp_get_num_threads());
        size_t middle = r.low + (r.high - r.low) / 2;
        if (part == 1) r.high = middle;
        if (part == 2) r.low = middle;
        kernel(v, r.low, r.high);
        shares[omp_get_thread_num()].elements += r.high - r.low;
    }
    return now_seconds() - start;
}

static bool allocate_arrays(struct arrays *v, uint64_t array_bytes, enum pages pages) {
    v->n = array_bytes / sizeof(double);
    v->bytes = whole_pages(3 * array_bytes + 2 * OFFSET * sizeof(double));
    v->memory = allocate_pages(v->bytes, pages);
    if (!v->memory) return false;
    v->a = v->memory;
    v->b = v->a + v->n + OFFSET;
    v->c = v->b + v->n + OFFSET;
    return true;
}

static void touch_first(const struct arrays *v, int threads) {
#pragma omp parallel num_threads(threads)
    {
        struct range r = range_of(v->n, omp_get_thread_num(), omp_get_num_threads());
        for (size_t i = r.low; i < r.high; i++) {
            v->a[i] = 1.0;
            v->b[i] = 2.0;
            v->c[i] = 0.0;
        }
    }
}

static void bind_team(const struct cpu_list *cpus) {
#pragma omp parallel num_threads(cpus->count)
    {
        struct share *mine = &shares[omp_get_thread_num()];
        struct cpu_list allowed;
        if (!pin_thread(cpus->cpu[omp_get_thread_num()])) fputs("sched_setaffinity refused\n", stderr);
        usable_cpus(&allowed);
        mine->allowed = allowed.count;
        mine->cpu = sched_getcpu();
    }
}

#endif
