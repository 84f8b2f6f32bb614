/*
 * FFTW3's complex transforms in double and single precision: planned anew with FFTW_MEASURE, timed in batches of at
 * least 5 ms, credited with 5 n log2 n operations, verified with the plan that was timed.
 * Method, formulas and literature: docs/suites/fftw.md.
 *
 *   fftw --threads one|all --precision double|single --cases 1d.2e10,2d.1024 [--batches 5] [--timelimit 20]
 *
 * A case is 1d.2eK (2^K points), 2d.N (N x N) or 3d.N; N is a power of two.
 */
#include <dlfcn.h>
#include <fftw3.h>
#include <omp.h>
#include <sys/resource.h>

#include "../common/common.h"
#include "../common/random.h"

enum { BLOCK = 64, MAX_CASES = 16 };

#define PLANNER_FLAG FFTW_MEASURE
static const char *const PLANNER_NAME = "measure"; /* part of the metrics' names: it changes them up to tenfold */

static const double PI = 3.14159265358979323846;
static const double TOLERANCE = 2.0;         /* times eps log2 n; 0.2 to 0.3 is what FFTW has */
static const double SHORTEST_SECONDS = 5e-3; /* a batch is at least this long */
static const double TIMELIMIT_NEAR = 0.9;    /* the planner stops some way before or after its limit */
static const double MEMORY_DIVISOR = 2;      /* the buffers take at most half of usable memory */
static const double COARSE_FACTOR = 257.0;   /* 2^8 + 1 */

/* Between the two buffers: one line, for with none both have equal low address bits, and a store waits for loads that
   only look like it. Far apart by other distances transforms of many megabytes were slower. A multiple of 64, so that
   both are aligned alike for any SIMD. */
static const uint64_t OFFSET_BYTES = 64;

struct shape {
    char name[24];
    int rank, length[3];
    int64_t n;
};

struct options {
    const char *run; /* one or all */
    const char *precision;
    int threads, bound, batches, cases;
    double timelimit;
    struct shape shape[MAX_CASES];
};

struct measured {
    const char *library;
    double plan_seconds, cpu_seconds;
    bool timelimit_hit;
    uint64_t huge_bytes;
    char plan[24]; /* FNV-1a of the plan's text */
};

/* What a transform is credited with, whatever its plan does: the convention of FFTW's authors (benchFFT). */
static double flops_of(const struct shape *shape) { return 5.0 * (double)shape->n * log2((double)shape->n); }

/* Where that comes from, counted another way: each of log2 n passes of a radix-2 transform of n complex points does
   n/2 butterflies of one complex multiplication (6) and two complex additions (4). */
static double radix_2_operations(int64_t n) {
    double operations = 0.0;
    for (int64_t length = n; length > 1; length /= 2) operations += (double)(n / 2) * (6 + 4);
    return operations;
}

/* Written so that a NaN fails. */
static bool within(double error, double limit) { return error <= limit; }

static double random_number(uint64_t i) { return uniform(i + 1) - 0.5; }

/* Binds each thread of the team to a CPU of its own; how many threads are bound, each to another CPU. FFTW's loops
   run on this team. OMP_PROC_BIND would do it too, but leaves this process a single usable CPU before main(). */
static int bind_team(const struct cpu_list *cpus, int threads) {
    static bool taken[MAX_CPUS];
    int bound = 0;
    memset(taken, 0, sizeof taken);
#pragma omp parallel num_threads(threads) reduction(+ : bound)
    {
        int cpu = cpus->cpu[omp_get_thread_num()];
        if (pin_thread(cpu) && sched_getcpu() == cpu) {
#pragma omp critical
            {
                bound += !taken[cpu];
                taken[cpu] = true;
            }
        }
    }
    return bound;
}

static double cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static const char *file_of(void *function) {
    Dl_info where;
    return dladdr(function, &where) && where.dli_fname ? where.dli_fname : "";
}

static void metric_name(char name[96], const char *precision, const struct shape *shape, const char *run) {
    snprintf(name, 96, "c2c.%s.%s.%s.%s", precision, shape->name, PLANNER_NAME, run);
}

static void check_case(const char *what, const char *precision, const struct shape *shape, const char *run, bool ok,
                       double value, double limit) {
    char name[96];
    snprintf(name, sizeof name, "%s.%s.%s.%s", what, precision, shape->name, run);
    report_check(name, ok, value, limit);
}

static void decline_case(const char *precision, const struct shape *shape, const char *run, const char *reason) {
    char name[96];
    metric_name(name, precision, shape, run);
    report_declined(name, reason);
}

static bool fits_in_memory(uint64_t bytes, const char *precision, const struct shape *shape,
                           const struct options *options) {
    const char *source;
    char reason[160];
    double memory = (double)usable_memory_bytes(&source);
    if ((double)bytes <= memory / MEMORY_DIVISOR) return true;
    snprintf(reason, sizeof reason, "two buffers of %.0f MB need more than half of %.0f MB of memory",
             0.5e-6 * (double)bytes, 1e-6 * memory);
    decline_case(precision, shape, options->run, reason);
    return false;
}

/* Threads there have to be: the CPUs that the agent counted, if it is the agent that runs this. */
static int team_wanted(const struct options *options) {
    const char *counted = getenv("BENCHTUI_CPUS");
    return strcmp(options->run, "all") == 0 && counted ? atoi(counted) : options->threads;
}

/* The plan's text as a fact, its hash for the samples: another plan is another program. */
static void report_plan(const char *precision, const struct shape *shape, const char *run, char *text,
                        struct measured *m) {
    char name[96];
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = text; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    snprintf(m->plan, sizeof m->plan, "%016" PRIx64, hash);
    if (strlen(text) > 2000) strcpy(text + 1990, " ..."); /* of a fact the agent takes 4096 bytes of JSON */
    snprintf(name, sizeof name, "plan.%s.%s.%s", precision, shape->name, run);
    json_open();
    json_string("fact", name);
    json_string("value", text);
    json_close();
}

static void report_sample(const struct options *options, const char *precision, const struct shape *shape,
                          double gflops, double seconds, int64_t iterations, const struct measured *m) {
    char name[96];
    metric_name(name, precision, shape, options->run);
    json_open();
    json_string("sample", name);
    json_real("value", gflops);
    json_real("seconds", seconds);
    json_integer("iterations", iterations);
    json_integer("n", shape->n);
    json_integer("threads", options->threads);
    json_real("cpu_seconds", m->cpu_seconds);
    json_string("planner", PLANNER_NAME);
    json_real("plan_seconds", m->plan_seconds);
    json_real("timelimit_seconds", options->timelimit);
    json_boolean("timelimit_hit", m->timelimit_hit);
    json_string("plan", m->plan);
    json_string("library", m->library);
    json_integer("huge_page_bytes", (int64_t)m->huge_bytes);
    json_close();
}

/* Sum in which the parts' rounding errors do not add up (Neumaier): over 2^24 numbers they would be larger than those
   of the transform. */
struct sum {
    double sum, lost;
};

static void add_to(struct sum *s, double part) {
    double sum = s->sum + part;
    s->lost += fabs(s->sum) >= fabs(part) ? s->sum - sum + part : part - sum + s->sum;
    s->sum = sum;
}

static double total(const struct sum *s) { return s->sum + s->lost; }

#define REAL double
#define FFTW(name) fftw_##name
#define OWN(name) name##_double
#define LABEL "double"
#define EPSILON 0x1p-53
#include "transform.h"
#undef REAL
#undef FFTW
#undef OWN
#undef LABEL
#undef EPSILON

#define REAL float
#define FFTW(name) fftwf_##name
#define OWN(name) name##_single
#define LABEL "single"
#define EPSILON 0x1p-24
#include "transform.h"

static bool parse_shape(const char *text, struct shape *shape) {
    int number, used = 0, power = 0;
    memset(shape, 0, sizeof *shape);
    snprintf(shape->name, sizeof shape->name, "%s", text);
    if (sscanf(text, "1d.2e%d%n", &power, &used) == 1 && !text[used] && power >= 4 && power <= 30) {
        shape->rank = 1;
        number = 1 << power;
    } else if (sscanf(text, "%dd.%d%n", &shape->rank, &number, &used) != 2 || text[used] || shape->rank < 2 ||
               shape->rank > 3 || number < 8 || number > 8192 || (number & (number - 1)))
        return false;
    shape->n = 1;
    for (int d = 0; d < shape->rank; d++) shape->n *= shape->length[d] = number;
    return true;
}

static bool parse_arguments(int argc, char **argv, struct options *o) {
    *o = (struct options){.run = "", .precision = "", .batches = 5, .timelimit = 20.0};
    for (int i = 1; i + 1 < argc; i += 2) {
        char *value = argv[i + 1];
        if (strcmp(argv[i], "--threads") == 0) o->run = value;
        else if (strcmp(argv[i], "--precision") == 0) o->precision = value;
        else if (strcmp(argv[i], "--batches") == 0) o->batches = atoi(value);
        else if (strcmp(argv[i], "--timelimit") == 0) o->timelimit = strtod(value, NULL);
        else if (strcmp(argv[i], "--cases") != 0) return false;
        else
            for (char *name = strtok(value, ","); name; name = strtok(NULL, ","))
                if (o->cases == MAX_CASES || !parse_shape(name, &o->shape[o->cases++])) return false;
    }
    bool precision = strcmp(o->precision, "double") == 0 || strcmp(o->precision, "single") == 0;
    bool threads = strcmp(o->run, "one") == 0 || strcmp(o->run, "all") == 0;
    return argc % 2 == 1 && precision && threads && o->cases > 0 && o->batches > 0 && o->timelimit > 0.0;
}

int main(int argc, char **argv) {
    static struct options options;
    static struct cpu_list cpus;
    if (!parse_arguments(argc, argv, &options)) {
        fputs("--threads one|all --precision double|single --cases 1d.2e10,2d.1024,… is needed\n", stderr);
        return 2;
    }
    usable_cpus(&cpus);
    bool all = strcmp(options.run, "all") == 0;
    options.threads = all ? cpus.count : 1;
    omp_set_dynamic(0);
    options.bound = bind_team(&cpus, options.threads);
    if (!fftw_init_threads() || !fftwf_init_threads()) die("fftw_init_threads");
    bool is_double = strcmp(options.precision, "double") == 0;
    if (is_double) report_library_double();
    else report_library_single();
    for (int i = 0; i < options.cases; i++) {
        if (is_double) run_case_double(&options, &options.shape[i]);
        else run_case_single(&options, &options.shape[i]);
        report_progress(i + 1, options.cases);
    }
    return 0;
}
