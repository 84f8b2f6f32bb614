/*
 * The fastest multiply-add each CPU has, for four formats and all vector widths: independent accumulators, each a
 * named variable in a register, and one instruction per step written as itself. A compiler therefore can neither
 * emulate a format that the CPU lacks, nor keep the accumulators in memory, nor drop one. Included by peak.h only.
 */
#ifndef BENCHTUI_MIXED_PRECISION_FMA_H
#define BENCHTUI_MIXED_PRECISION_FMA_H

#include "../common/cpuinfo.h"

enum format { FP64, FP32, FP16, BF16, FORMATS };
static const char *const FORMAT_NAME[FORMATS] = {"fp64", "fp32", "fp16", "bf16"};

/* 512 bits: two operands and accumulators. */
enum { LARGEST_VECTOR = 64, MOST_ACCUMULATORS = 24 };

/* One kernel. A multiply-add is 2 flops; a dot product of k pairs that is added to an accumulator is k of them. */
struct kernel {
    enum format format;
    const char *instruction; /* as a disassembler writes it */
    const char *operand;     /* a part of its operands that tells the width */
    int bits;                /* of a vector */
    int accumulators;
    int lanes;    /* accumulators in one vector */
    int products; /* added to each lane by one instruction */
    const char *flags; /* of the CPU that it needs */
    const char *symbol;
    void (*run)(const void *operands, void *accumulators, uint64_t iterations);
};

#define LOAD(i) vector a##i = accumulator[i]
#define STORE(i) accumulator[i] = a##i
#define TWELVE(DO) DO(0); DO(1); DO(2); DO(3); DO(4); DO(5); DO(6); DO(7); DO(8); DO(9); DO(10); DO(11)
#define TWENTY_FOUR(DO) TWELVE(DO); DO(12); DO(13); DO(14); DO(15); DO(16); DO(17); DO(18); DO(19); DO(20); DO(21); DO(22); DO(23)

/* Throughput × latency of today's cores is 8 (two units, four cycles) to 16 (four units on Neoverse V1 and V2). The
   vectors are loaded from memory once: built from elements, gcc keeps them there, at a third of the speed. */
#define DEFINE(NAME, TARGET, BYTES, ALL, FMA)                                                              \
    void NAME(const void *operands, void *accumulators, uint64_t iterations);                              \
    TARGET __attribute__((noinline)) void NAME(const void *operands, void *accumulators, uint64_t iterations) { \
        typedef char vector __attribute__((vector_size(BYTES), may_alias));                                \
        vector x = ((const vector *)operands)[0], y = ((const vector *)operands)[1];                       \
        vector *accumulator = accumulators;                                                                \
        ALL(LOAD);                                                                                         \
        for (; iterations; iterations--) {                                                                 \
            ALL(FMA);                                                                                      \
        }                                                                                                  \
        ALL(STORE);                                                                                        \
    }

#if defined(__x86_64__)

#define V128 __attribute__((target("avx,fma")))
#define V256 __attribute__((target("avx2,fma")))
#define V512 __attribute__((target("avx512f,avx512vl")))
#define STEP(TEXT, i) __asm__ volatile(TEXT " %2, %1, %0" : "+v"(a##i) : "v"(x), "v"(y))
#define FMA_FP64(i) STEP("vfmadd231pd", i)
#define FMA_FP32(i) STEP("vfmadd231ps", i)
#define FMA_FP16(i) STEP("vfmadd231ph", i)
#define DOT_BF16(i) STEP("vdpbf16ps", i)

/* 16 registers without AVX-512: 12 accumulators and two operands. */
DEFINE(fma_fp64_128, V128, 16, TWELVE, FMA_FP64)
DEFINE(fma_fp64_256, V256, 32, TWELVE, FMA_FP64)
DEFINE(fma_fp64_512, V512, 64, TWENTY_FOUR, FMA_FP64)
DEFINE(fma_fp32_128, V128, 16, TWELVE, FMA_FP32)
DEFINE(fma_fp32_256, V256, 32, TWELVE, FMA_FP32)
DEFINE(fma_fp32_512, V512, 64, TWENTY_FOUR, FMA_FP32)
DEFINE(fma_fp16_128, V512, 16, TWENTY_FOUR, FMA_FP16)
DEFINE(fma_fp16_256, V512, 32, TWENTY_FOUR, FMA_FP16)
DEFINE(fma_fp16_512, V512, 64, TWENTY_FOUR, FMA_FP16)
DEFINE(dot_bf16_128, V512, 16, TWENTY_FOUR, DOT_BF16)
DEFINE(dot_bf16_256, V512, 32, TWENTY_FOUR, DOT_BF16)
DEFINE(dot_bf16_512, V512, 64, TWENTY_FOUR, DOT_BF16)

static const struct kernel KERNEL[] = {
    {FP64, "vfmadd231pd", "%xmm", 128, 12, 2, 1, "fma", "fma_fp64_128", fma_fp64_128},
    {FP64, "vfmadd231pd", "%ymm", 256, 12, 4, 1, "avx2 fma", "fma_fp64_256", fma_fp64_256},
    {FP64, "vfmadd231pd", "%zmm", 512, 24, 8, 1, "avx512f avx512vl", "fma_fp64_512", fma_fp64_512},
    {FP32, "vfmadd231ps", "%xmm", 128, 12, 4, 1, "fma", "fma_fp32_128", fma_fp32_128},
    {FP32, "vfmadd231ps", "%ymm", 256, 12, 8, 1, "avx2 fma", "fma_fp32_256", fma_fp32_256},
    {FP32, "vfmadd231ps", "%zmm", 512, 24, 16, 1, "avx512f avx512vl", "fma_fp32_512", fma_fp32_512},
    {FP16, "vfmadd231ph", "%xmm", 128, 24, 8, 1, "avx512_fp16", "fma_fp16_128", fma_fp16_128},
    {FP16, "vfmadd231ph", "%ymm", 256, 24, 16, 1, "avx512_fp16", "fma_fp16_256", fma_fp16_256},
    {FP16, "vfmadd231ph", "%zmm", 512, 24, 32, 1, "avx512_fp16", "fma_fp16_512", fma_fp16_512},
    {BF16, "vdpbf16ps", "%xmm", 128, 24, 4, 2, "avx512_bf16", "dot_bf16_128", dot_bf16_128},
    {BF16, "vdpbf16ps", "%ymm", 256, 24, 8, 2, "avx512_bf16", "dot_bf16_256", dot_bf16_256},
    {BF16, "vdpbf16ps", "%zmm", 512, 24, 16, 2, "avx512_bf16", "dot_bf16_512", dot_bf16_512},
};

#elif defined(__aarch64__)

/* The rest of the program stays within what every aarch64 CPU has. */
#if defined(__clang__)
#define WITH_FP16 __attribute__((target("fullfp16")))
#define WITH_BF16 __attribute__((target("bf16")))
#else
#define WITH_FP16 __attribute__((target("+fp16")))
#define WITH_BF16 __attribute__((target("+bf16")))
#endif
#define STEP(TEXT, i) __asm__ volatile(TEXT : "+w"(a##i) : "w"(x), "w"(y))
#define FMA_FP64(i) STEP("fmla %0.2d, %1.2d, %2.2d", i)
#define FMA_FP32(i) STEP("fmla %0.4s, %1.4s, %2.4s", i)
#define FMA_FP16(i) STEP("fmla %0.8h, %1.8h, %2.8h", i)
#define DOT_BF16(i) STEP("bfdot %0.4s, %1.8h, %2.8h", i)
#define MATRIX_BF16(i) STEP("bfmmla %0.4s, %1.8h, %2.8h", i)

DEFINE(fma_fp64_128, , 16, TWENTY_FOUR, FMA_FP64)
DEFINE(fma_fp32_128, , 16, TWENTY_FOUR, FMA_FP32)
DEFINE(fma_fp16_128, WITH_FP16, 16, TWENTY_FOUR, FMA_FP16)
DEFINE(dot_bf16_128, WITH_BF16, 16, TWENTY_FOUR, DOT_BF16)
DEFINE(matrix_bf16_128, WITH_BF16, 16, TWENTY_FOUR, MATRIX_BF16)

static const struct kernel KERNEL[] = {
    {FP64, "fmla", ".2d", 128, 24, 2, 1, "asimd", "fma_fp64_128", fma_fp64_128},
    {FP32, "fmla", ".4s", 128, 24, 4, 1, "asimd", "fma_fp32_128", fma_fp32_128},
    {FP16, "fmla", ".8h", 128, 24, 8, 1, "asimdhp", "fma_fp16_128", fma_fp16_128},
    {BF16, "bfdot", ".8h", 128, 24, 4, 2, "bf16", "dot_bf16_128", dot_bf16_128},
    {BF16, "bfmmla", ".8h", 128, 24, 4, 4, "bf16", "matrix_bf16_128", matrix_bf16_128},
};

#else
#error "multiply-add kernels are written for x86-64 and aarch64"
#endif

enum { KERNELS = sizeof KERNEL / sizeof *KERNEL };

static uint64_t products_per_iteration(const struct kernel *k) {
    return (uint64_t)k->accumulators * (uint64_t)k->lanes * (uint64_t)k->products;
}

/* ---- ones to compute with, and the accumulators read back ---------------------------------------------------- */

/* Operands whose elements are all 1, in the kernel's format: what an accumulator holds then is how many products were
   added to it. */
static void fill_with_ones(const struct kernel *k, void *operands) {
    const double one = 1.0;
    const float one_single = 1.0f;
    const uint16_t one_half = 0x3c00, one_bfloat = 0x3f80;
    const void *bits = k->format == FP64   ? (const void *)&one
                       : k->format == FP32 ? (const void *)&one_single
                       : k->format == FP16 ? (const void *)&one_half
                                           : (const void *)&one_bfloat;
    size_t size = k->format == FP64 ? 8 : k->format == FP32 ? 4 : 2;
    for (size_t at = 0; at < 2 * LARGEST_VECTOR; at += size) memcpy((char *)operands + at, bits, size);
}

/* Half precision as a number, without a type that some compilers emulate and others lack. */
static double half_value(uint16_t bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double size = exponent == 31 ? NAN : exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return bits >> 15 ? -size : size;
}

/* The i-th lane of all accumulators, in the format they are kept in: bfloat16 products are added in single. */
static double lane_value(const struct kernel *k, const void *accumulators, int i) {
    const char *start = accumulators;
    double wide;
    float single;
    uint16_t half;
    if (k->format == FP64) return memcpy(&wide, start + 8 * i, 8), wide;
    if (k->format == FP16) return memcpy(&half, start + 2 * i, 2), half_value(half);
    return memcpy(&single, start + 4 * i, 4), (double)single;
}

/* Above this, adding 1 changes nothing in the accumulator's format: 2^53, 2^24, 2^11. */
static double counts_up_to(const struct kernel *k) {
    return k->format == FP64 ? 0x1p53 : k->format == FP16 ? 0x1p11 : 0x1p24;
}

/* Has every lane of every accumulator got exactly the products of `iterations`? */
static bool holds_all_products(const struct kernel *k, const void *accumulators, uint64_t iterations) {
    double each = (double)iterations * k->products, most = counts_up_to(k);
    for (int i = 0; i < k->accumulators * k->lanes; i++)
        if (lane_value(k, accumulators, i) != (each < most ? each : most)) return false;
    return true;
}

/* Products that one iteration adds, counted by running 100 and 300 and adding up all that the accumulators hold. */
static uint64_t products_observed(const struct kernel *k) {
    _Alignas(LARGEST_VECTOR) static char operands[2 * LARGEST_VECTOR];
    _Alignas(LARGEST_VECTOR) static char accumulators[MOST_ACCUMULATORS * LARGEST_VECTOR];
    double sum[2] = {0.0, 0.0};
    fill_with_ones(k, operands);
    for (int run = 0; run < 2; run++) {
        memset(accumulators, 0, sizeof accumulators);
        k->run(operands, accumulators, run ? 300 : 100);
        int lane_bytes = k->bits / 8 / k->lanes, lanes = (int)sizeof accumulators / lane_bytes;
        for (int i = 0; i < lanes; i++) sum[run] += lane_value(k, accumulators, i);
    }
    double per_iteration = (sum[1] - sum[0]) / 200.0;
    return per_iteration == sum[0] / 100.0 ? (uint64_t)per_iteration : 0;
}

#endif
