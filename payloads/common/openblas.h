/*
 * OpenBLAS as the suites use it: which library answered, for which CPU core its kernels were chosen, and whether
 * that core fits this CPU. A wrong one costs a factor of 2.5 and every result stays right, so only this check sees it.
 *
 * Declarations of our own: distributions keep cblas.h in different folders, and some do not declare all of these.
 */
#ifndef BENCHTUI_OPENBLAS_H
#define BENCHTUI_OPENBLAS_H

#include <dlfcn.h>
#include <strings.h>
#include <sys/resource.h>

#include "cpuinfo.h"

extern char *openblas_get_config(void);
extern char *openblas_get_corename(void);
extern int openblas_get_num_threads(void);
extern int openblas_get_num_procs(void);
extern int openblas_get_parallel(void); /* 0 = sequential, 1 = its own threads, 2 = OpenMP */
extern void openblas_set_num_threads(int threads);

enum { CORE_CANDIDATES = 4 };

/* Cores, by OpenBLAS's names, that fit a CPU with these flags; the first line whose flags it has decides. Within one
   line the double and single kernels are of the same width. Best first: what is forced where none was chosen. */
static const struct {
    const char *flags;
    const char *cores[CORE_CANDIDATES];
} X86_CORES[] = {
    {"avx512f avx512dq avx512bw avx512vl avx512_bf16 avx512_fp16", {"SapphireRapids", "Cooperlake", "SkylakeX"}},
    {"avx512f avx512dq avx512bw avx512vl avx512_bf16", {"Cooperlake", "SkylakeX"}},
    {"avx512f avx512dq avx512bw avx512vl", {"SkylakeX"}},
    {"avx2 fma", {"Haswell", "Zen"}},
    {"avx fma4", {"Piledriver", "Steamroller", "Excavator", "Bulldozer"}},
    {"avx", {"Sandybridge"}},
};

/* The same for aarch64 by MIDR (implementer, part). Generic ARMV8 fits none of them. Versions before 0.3.27 do not
   know Neoverse V2 and fall to ARMV8 there (OpenBLAS issue 4431); V1's kernels are right for any vector length. A
   guest without SVE is left with N1's. */
static const struct {
    unsigned implementer, part;
    const char *flags;
    const char *cores[CORE_CANDIDATES];
} ARM_CORES[] = {
    {0x41, 0xd08, "asimd", {"CORTEXA72"}},                            /* Cortex A72: Graviton */
    {0x41, 0xd0c, "asimd", {"NEOVERSEN1"}},                           /* Neoverse N1: Graviton2 */
    {0x41, 0xd40, "sve", {"NEOVERSEV1"}},                             /* Neoverse V1: Graviton3 */
    {0x41, 0xd49, "sve", {"NEOVERSEN2"}},                             /* Neoverse N2 */
    {0x41, 0xd4f, "sve", {"NEOVERSEV2", "NEOVERSEV1", "NEOVERSEN2"}}, /* Neoverse V2: Graviton4 */
    {0x41, 0xd83, "sve", {"NEOVERSEV2", "NEOVERSEV1", "NEOVERSEN2"}}, /* Neoverse V3AE */
    {0x41, 0xd84, "sve", {"NEOVERSEV2", "NEOVERSEV1", "NEOVERSEN2"}}, /* Neoverse V3: Graviton5 */
    {0x41, 0xd8e, "sve", {"NEOVERSEN2", "NEOVERSEV1"}},               /* Neoverse N3 */
    {0x41, 0xd40, "asimd", {"NEOVERSEN1"}},
    {0x41, 0xd49, "asimd", {"NEOVERSEN1"}},
    {0x41, 0xd4f, "asimd", {"NEOVERSEN1"}},
    {0x41, 0xd83, "asimd", {"NEOVERSEN1"}},
    {0x41, 0xd84, "asimd", {"NEOVERSEN1"}},
    {0x41, 0xd8e, "asimd", {"NEOVERSEN1"}},
};

/* The cores that fit this CPU, NULL after the last; NULL when the tables do not know the CPU. */
static inline const char *const *fitting_cores(const struct cpu *cpu) {
    char missing[64];
    for (size_t i = 0; cpu->arm && i < sizeof ARM_CORES / sizeof *ARM_CORES; i++)
        if (cpu->implementer == ARM_CORES[i].implementer && cpu->part == ARM_CORES[i].part &&
            cpu_has(cpu, ARM_CORES[i].flags))
            return ARM_CORES[i].cores;
    for (size_t i = 0; !cpu->arm && i < sizeof X86_CORES / sizeof *X86_CORES; i++)
        if (cpu_has_all(cpu, X86_CORES[i].flags, missing)) return X86_CORES[i].cores;
    return NULL;
}

static inline bool core_fits(const struct cpu *cpu, const char *core) {
    const char *const *cores = fitting_cores(cpu);
    for (int i = 0; cores && i < CORE_CANDIDATES && cores[i]; i++)
        if (strcasecmp(cores[i], core) == 0) return true;
    return false;
}

static const char *const FORCED_BY_US = "BENCHTUI_CORETYPE_TRIED"; /* how many candidates have been tried */
static const char *const CHOSEN_ALONE = "BENCHTUI_CORETYPE_ALONE"; /* what the library chose by itself */

/*
 * Where the library by itself chose a core that does not fit this CPU, starts this program again with the best one
 * that does: the library reads OPENBLAS_CORETYPE while it is loaded, so setting it later is too late. Call it first in
 * main(). A core that the environment asks for is left as it is, for the check to refuse. Names that this version of
 * the library does not know are ignored by it without a word, so one after the other is tried.
 */
static inline void force_fitting_core(char **argv, const struct cpu *cpu) {
    const char *tried = getenv(FORCED_BY_US);
    if (core_fits(cpu, openblas_get_corename())) return;
    if (!tried && getenv("OPENBLAS_CORETYPE")) return;
    const char *const *cores = fitting_cores(cpu);
    int next = tried ? atoi(tried) : 0;
    if (!cores || next < 0 || next >= CORE_CANDIDATES || !cores[next]) return;
    char number[16];
    snprintf(number, sizeof number, "%d", next + 1);
    setenv(FORCED_BY_US, number, 1);
    if (!tried) setenv(CHOSEN_ALONE, openblas_get_corename(), 1);
    setenv("OPENBLAS_CORETYPE", cores[next], 1);
    fflush(stdout);
    execv("/proc/self/exe", argv);
    die("/proc/self/exe");
}

/* How many threads this build of the library can use at most, as its configuration says; 0 = it does not. */
static inline int blas_max_threads(void) {
    const char *limit = strstr(openblas_get_config(), "MAX_THREADS=");
    if (!openblas_get_parallel()) return 1;
    return limit ? atoi(limit + strlen("MAX_THREADS=")) : 0;
}

/* CPU seconds of this process, all its threads together. */
static inline double process_cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* The library's own threads spin for a while after they were started and after their last work: they take a CPU from
   what is measured next, and CPU time does not show who works. Waits until they sleep, in steps and not for ever. */
static inline void wait_until_idle(void) {
    const double step = 4e-3, share = 0.05, ends = now_seconds() + 1.0;
    double start, cpu;
    do {
        start = now_seconds(), cpu = process_cpu_seconds();
        usleep((useconds_t)(1e6 * step));
    } while (process_cpu_seconds() - cpu > share * (now_seconds() - start) && now_seconds() < ends);
}

/* Fact `blas` with what answered, and check `blas_core.<run>`: its core fits the CPU. */
static inline void report_blas(const struct cpu *cpu, const char *run) {
    static const char *const PARALLEL[] = {"sequential", "own threads", "OpenMP"};
    const char *core = openblas_get_corename(), *forced = getenv(FORCED_BY_US), *asked = getenv("OPENBLAS_CORETYPE");
    const char *const *cores = fitting_cores(cpu);
    int parallel = openblas_get_parallel();
    char name[64];
    Dl_info where;

    json_open();
    json_string("fact", "blas");
    json_begin("value", '{');
    json_string("config", openblas_get_config());
    json_string("core", core);
    json_boolean("core_fits", core_fits(cpu, core));
    json_begin("fitting_cores", '[');
    for (int i = 0; cores && i < CORE_CANDIDATES && cores[i]; i++) json_string(NULL, cores[i]);
    json_end(']');
    if (asked) json_string("OPENBLAS_CORETYPE", asked);
    if (forced) {
        const char *alone = getenv(CHOSEN_ALONE);
        json_boolean("core_forced", true);
        json_string("core_without_force", alone ? alone : "");
    }
    if (cpu->arm) {
        snprintf(name, sizeof name, "implementer 0x%02x part 0x%03x", cpu->implementer, cpu->part);
        json_string("cpu", name);
    }
    json_integer("max_threads", blas_max_threads());
    json_integer("threads", openblas_get_num_threads());
    json_integer("processors", openblas_get_num_procs());
    json_string("parallel", parallel >= 0 && parallel <= 2 ? PARALLEL[parallel] : "unknown");
    if (dladdr((void *)(uintptr_t)openblas_get_config, &where) && where.dli_fname)
        json_string("library", where.dli_fname);
    json_end('}');
    json_close();

    snprintf(name, sizeof name, "blas_core.%s", run);
    report_check(name, core_fits(cpu, core), core_fits(cpu, core), 1.0);
}

/* CPU seconds per wall second of n threads that may be called n threads: at least 1 + 0.3 (n - 1), and at most 1.25 n,
   as CPU time and wall time are read one after the other. */
static inline double least_busy(int threads) { return threads > 1 ? 1.0 + 0.3 * (threads - 1) : 0.0; }

static inline double most_busy(int threads) { return 1.25 * threads; }

#endif
