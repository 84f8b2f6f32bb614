/*
 * What one core and all of them compute at most in double, single, half precision and bfloat16, and how much of it
 * dense linear algebra gets. Method, formulas and literature: docs/suites/mixed_precision.md.
 *
 *   mixed_precision --threads one|all [--gemm 2000,4000] [--solve 3000] [--batches 4] [--samples 1]
 *                   [--cpuinfo FILE] [--sysfs /sys] [--iterations N]
 *
 * --iterations bounds the work of the peak kernels, for emulators; its rates are no results.
 */
#include "../common/arguments.h"
#include "dense.h"
#include "peak.h"

enum { MOST_SIZES = 4, SMALLEST_N = 100, LARGEST_N = 40000 };

static const double TICKS_PER_SAMPLE = 1000.0; /* of the clock */
static const uint64_t MEMORY_DIVISOR = 2;      /* a size may need at most half of the usable memory */

struct options {
    const char *run, *cpuinfo, *sysfs;
    int gemm[MOST_SIZES], solve[MOST_SIZES], gemms, solves;
    int batches, samples;
    uint64_t iterations;
};

static void check(const char *run, const char *what, bool ok, double value, double limit) {
    char name[64];
    snprintf(name, sizeof name, "%s.%s", what, run);
    report_check(name, ok, value, limit);
}

static void decline(const char *run, const char *what, int n, const char *reason) {
    char name[64];
    snprintf(name, sizeof name, "%s.%d.%s", what, n, run);
    report_declined(name, reason);
}

/* Does a problem of so many bytes fit? If not, its metrics are declined with the figures. */
static bool fits(const struct options *options, uint64_t memory, uint64_t bytes, int n, const char *const *metrics) {
    char reason[128];
    if (bytes <= memory / MEMORY_DIVISOR) return true;
    snprintf(reason, sizeof reason, "n = %d needs %.0f MB, more than half of %.0f MB of memory", n, 1e-6 * (double)bytes,
             1e-6 * (double)memory);
    for (; *metrics; metrics++) decline(options->run, *metrics, n, reason);
    return false;
}

static const char *const PRODUCTS[] = {"dgemm", "sgemm", NULL};
static const char *const SOLUTIONS[] = {"dgesv", "dsgesv", "speedup", NULL};

/* Is the peak of a format no lower than a rate that was seen of something else? */
static void check_peak_above(const struct options *options, const struct peak_plan *plan, struct peak *peak,
                             const char *name, double seen) {
    if (seen <= 0.0 || !peak->kernel) return;
    double possible = possible_again(peak, plan, seen);
    check(options->run, name, possible >= seen, 1e-9 * possible, 1e-9 * seen);
}

static void measure_dense(const struct options *options, const struct peak_plan *peaks, struct peak peak[FORMATS],
                          struct dense_plan *plan) {
    const char *memory_source;
    uint64_t memory = usable_memory_bytes(&memory_source), done = 0;
    double best[2] = {0.0, 0.0};
    for (int i = 0; i < options->gemms; i++) {
        uint64_t n = (uint64_t)options->gemm[i];
        if (!fits(options, memory, 3 * 8 * n * n, (int)n, PRODUCTS)) continue;
        for (int is_single = 0; is_single < 2; is_single++) {
            double rate_seen = measure_product(plan, is_single, (int)n);
            if (rate_seen > best[is_single]) best[is_single] = rate_seen;
        }
        report_progress((int64_t)++done, options->gemms + options->solves);
    }
    for (int i = 0; i < options->solves; i++) {
        uint64_t n = (uint64_t)options->solve[i];
        if (!fits(options, memory, (2 * 8 + 4) * n * n, (int)n, SOLUTIONS)) continue;
        measure_solutions(plan, (int)n);
        report_progress((int64_t)++done, options->gemms + options->solves);
    }
    check_peak_above(options, peaks, &peak[FP64], "peak_above_dgemm", best[0]);
    check_peak_above(options, peaks, &peak[FP32], "peak_above_sgemm", best[1]);
    if (plan->busiest > 0.0) {
        check(options->run, "error_is_seen", plan->blind == 0, plan->blind, 0.0);
        int count = plan->threads;
        double least = least_busy(count), most = most_busy(count);
        if (!options->iterations) look_for_the_team(plan); /* no emulator: there it would take minutes */
        bool right = openblas_get_num_threads() == count && plan->busiest >= least && plan->busiest <= most;
        check(options->run, "team_blas", right, plan->busiest, count > 1 ? least : most);
    }
}

/* All sizes, when the library cannot use all CPUs: a part of the machine would not be the machine. */
static bool enough_threads(const struct options *options, int cpus) {
    char reason[128];
    if (cpus == 1 || blas_max_threads() >= cpus) return true;
    snprintf(reason, sizeof reason, "this OpenBLAS has %d threads at most, %d CPUs are usable", blas_max_threads(), cpus);
    for (int i = 0; i < options->gemms; i++)
        for (const char *const *what = PRODUCTS; *what; what++) decline(options->run, *what, options->gemm[i], reason);
    for (int i = 0; i < options->solves; i++)
        for (const char *const *what = SOLUTIONS; *what; what++) decline(options->run, *what, options->solve[i], reason);
    return false;
}

static void report_plan(const struct options *options, const struct peak_plan *plan, double tick) {
    char name[64];
    snprintf(name, sizeof name, "run.%s", options->run);
    json_open();
    json_string("fact", name);
    json_begin("value", '{');
    json_integer("threads", plan->cpus->count);
    json_string("binding", "peaks: thread i on the i-th CPU of this list; OpenBLAS: bound if one, else free among them");
    json_cpus("cpus", plan->cpus);
    json_integer("cores", plan->cores);
    json_real("timer_tick_seconds", tick);
    json_string("compiler", COMPILER);
    if (plan->most_iterations) json_integer("most_iterations", (int64_t)plan->most_iterations);
    json_end('}');
    json_close();
}

/* "2000,4000" */
static int parse_sizes(const char *text, int sizes[MOST_SIZES]) {
    char copy[64];
    int count = 0;
    snprintf(copy, sizeof copy, "%s", text ? text : "");
    for (char *word = strtok(copy, ","); word && count < MOST_SIZES; word = strtok(NULL, ","))
        sizes[count++] = parse_count(word, SMALLEST_N, LARGEST_N);
    if (count == 0) parse_count(NULL, SMALLEST_N, LARGEST_N);
    return count;
}

static struct options parse_arguments(int argc, char **argv) {
    struct options o = {.run = "", .sysfs = "/sys", .batches = 4, .samples = 1};
    for (int i = 1; i < argc; i += 2) {
        const char *value = argv[i + 1]; /* argv[argc] is NULL */
        if (value && strcmp(argv[i], "--threads") == 0) o.run = value;
        else if (strcmp(argv[i], "--gemm") == 0) o.gemms = parse_sizes(value, o.gemm);
        else if (strcmp(argv[i], "--solve") == 0) o.solves = parse_sizes(value, o.solve);
        else if (strcmp(argv[i], "--batches") == 0) o.batches = parse_count(value, 1, MAX_PEAK_BATCHES);
        else if (strcmp(argv[i], "--samples") == 0) o.samples = parse_count(value, 1, 100);
        else if (strcmp(argv[i], "--iterations") == 0) o.iterations = (uint64_t)parse_count(value, 1, 1000000000);
        else if (value && strcmp(argv[i], "--cpuinfo") == 0) o.cpuinfo = value;
        else if (value && strcmp(argv[i], "--sysfs") == 0) o.sysfs = value;
        else {
            fprintf(stderr, "not understood: %s %s\n", argv[i], value ? value : "");
            exit(2);
        }
    }
    if (strcmp(o.run, "one") != 0 && strcmp(o.run, "all") != 0) {
        fputs("--threads one or all is needed\n", stderr);
        exit(2);
    }
    return o;
}

int main(int argc, char **argv) {
    static struct cpu cpu;
    static struct cpu_list cpus, cores;
    struct peak peak[FORMATS];
    struct options options = parse_arguments(argc, argv);
    identify_cpu(options.cpuinfo, &cpu);
    force_fitting_core(argv, &cpu);
    usable_cpus(&cpus);
    one_cpu_per_core(options.sysfs, &cpus, &cores);
    if (strcmp(options.run, "one") == 0) cpus.count = cores.count = 1;
    openblas_set_num_threads(cpus.count);
    double tick = timer_tick_seconds();
    struct peak_plan peaks = {.run = options.run, .cpu = &cpu, .cpus = &cpus, .cores = cores.count,
                              .may_share_cores = cpus.count > 1, .batches = options.batches,
                              .most_iterations = options.iterations};
    report_plan(&options, &peaks, tick);
    report_blas(&cpu, options.run);

    double shortest = HUGE_VAL;
    wait_until_idle();
    for (int format = 0; format < FORMATS; format++) {
        peak[format] = measure_peak((enum format)format, &peaks);
        if (!peak[format].kernel) continue;
        check_peak(&peaks, (enum format)format, &peak[format]);
        if (peak[format].shortest < shortest) shortest = peak[format].shortest;
    }
    check_peak_above(&options, &peaks, &peak[FP16], "fp16_above_fp32", peak[FP32].best);

    struct dense_plan dense = {.run = options.run, .threads = cpus.count, .samples = options.samples,
                               .shortest = HUGE_VAL};
    if (enough_threads(&options, cpus.count)) {
        if (cpus.count == 1 && !pin_thread(cpus.cpu[0])) die("sched_setaffinity");
        measure_dense(&options, &peaks, peak, &dense);
    }
    if (dense.shortest < shortest) shortest = dense.shortest;
    double ticks = TICKS_PER_SAMPLE * tick, limit = ticks > SHORTEST_SECONDS ? ticks : SHORTEST_SECONDS;
    check(options.run, "timer", shortest >= limit, shortest, limit);
    return 0;
}
