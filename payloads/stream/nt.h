/*
 * The same four kernels with non-temporal stores, which write past the caches without reading first: x86-64's movntpd,
 * aarch64's stnp (a hint that a core may ignore). And the proof that a kernel's stores are of the kind it is said to
 * have. Included by stream.c only.
 */
#ifndef BENCHTUI_STREAM_NT_H
#define BENCHTUI_STREAM_NT_H

#include "kernels.h"

enum { LINE_DOUBLES = 8 }; /* 64 bytes: a write-combining buffer */

#if defined(__x86_64__)
#include <emmintrin.h>
#define HAVE_NT 1
typedef __m128d pair;
static inline pair load_pair(const double *from) { return _mm_loadu_pd(from); }
static inline void store_two_pairs(double *to, pair first, pair second) {
    _mm_stream_pd(to, first);
    _mm_stream_pd(to + 2, second);
}
static inline void stores_done(void) { _mm_sfence(); }
#elif defined(__aarch64__)
#define HAVE_NT 1
typedef double pair __attribute__((vector_size(16), aligned(8)));
static inline pair load_pair(const double *from) { return *(const pair *)from; }
static inline void store_two_pairs(double *to, pair first, pair second) {
    __asm__ volatile("stnp %q1, %q2, [%0]" : : "r"(to), "w"(first), "w"(second) : "memory");
}
static inline void stores_done(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
#else
#define HAVE_NT 0
#endif

#define NT static __attribute__((noinline, section("nt_kernels")))

#if HAVE_NT
/* Elements before `low` becomes the first of a line in `to`, those up to `high` that fill no line, and the lines. */
#define NT_KERNEL(to, scalar, vector)                                                                                 \
    {                                                                                                                 \
        size_t i = low;                                                                                               \
        for (; i < high && (uintptr_t)(to + i) % 64; i++) to[i] = scalar;                                             \
        for (; i + LINE_DOUBLES <= high; i += LINE_DOUBLES)                                                           \
            for (size_t k = i; k < i + LINE_DOUBLES; k += 4) {                                                        \
                pair first, second;                                                                                   \
                size_t j = k;                                                                                         \
                first = vector;                                                                                       \
                j += 2;                                                                                               \
                second = vector;                                                                                      \
                store_two_pairs(to + k, first, second);                                                               \
            }                                                                                                         \
        for (; i < high; i++) to[i] = scalar;                                                                         \
        stores_done();                                                                                                \
    }

NT void copy_nt(const struct arrays *v, size_t low, size_t high) {
    double *c = v->c;
    const double *a = v->a;
    NT_KERNEL(c, a[i], load_pair(a + j))
}

NT void scale_nt(const struct arrays *v, size_t low, size_t high) {
    double *b = v->b;
    const double *c = v->c;
    NT_KERNEL(b, SCALAR * c[i], ((pair){SCALAR, SCALAR}) * load_pair(c + j))
}

NT void add_nt(const struct arrays *v, size_t low, size_t high) {
    double *c = v->c;
    const double *a = v->a, *b = v->b;
    NT_KERNEL(c, a[i] + b[i], load_pair(a + j) + load_pair(b + j))
}

NT void triad_nt(const struct arrays *v, size_t low, size_t high) {
    double *a = v->a;
    const double *b = v->b, *c = v->c;
    NT_KERNEL(a, b[i] + SCALAR * c[i], load_pair(b + j) + ((pair){SCALAR, SCALAR}) * load_pair(c + j))
}
#else
NT void copy_nt(const struct arrays *v, size_t low, size_t high) { (void)v, (void)low, (void)high; }
#define scale_nt copy_nt
#define add_nt copy_nt
#define triad_nt copy_nt
#endif

enum stores { PLAIN, NON_TEMPORAL, STORES };
static const kernel_function KERNEL[STORES][KERNELS] = {{copy, scale, add, triad},
                                                        {copy_nt, scale_nt, add_nt, triad_nt}};

/* First and last byte of the two groups' machine code, by the linker. */
extern const unsigned char __start_plain_kernels[], __stop_plain_kernels[], __start_nt_kernels[], __stop_nt_kernels[];

#if defined(__aarch64__)
/* stnp of two 16-byte registers; every instruction has four bytes. */
static bool is_nt_store(const unsigned char *code) {
    uint32_t instruction;
    memcpy(&instruction, code, sizeof instruction);
    return (uintptr_t)code % sizeof instruction == 0 && (instruction & 0xFFC00000) == 0xAC000000;
}
#else
/* movntpd or movntdq as compilers write them without AVX: 66, perhaps a REX prefix, 0F, 2B or E7. */
static bool is_nt_store(const unsigned char *code) {
    if (code[0] != 0x66) return false;
    if ((code[1] & 0xF0) == 0x40) code++;
    return code[1] == 0x0F && (code[2] == 0x2B || code[2] == 0xE7);
}
#endif

static int nt_stores(const unsigned char *from, const unsigned char *to) {
    int found = 0;
    for (; from + 4 <= to; from++) found += is_nt_store(from);
    return found;
}

/* How many kernels of this kind lie in their group, if the stores in that group's machine code are of its kind. */
static int kernels_as_said(enum stores stores) {
    const unsigned char *from = stores == PLAIN ? __start_plain_kernels : __start_nt_kernels;
    const unsigned char *to = stores == PLAIN ? __stop_plain_kernels : __stop_nt_kernels;
    int found = nt_stores(from, to), as_said = 0;
    if (stores == PLAIN ? found > 0 : found < KERNELS) return 0;
    for (int kernel = 0; kernel < KERNELS; kernel++) {
        uintptr_t start = (uintptr_t)KERNEL[stores][kernel];
        as_said += start >= (uintptr_t)from && start < (uintptr_t)to;
    }
    return as_said;
}

#endif
