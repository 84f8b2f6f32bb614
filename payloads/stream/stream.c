/*
 * Sustainable memory bandwidth by McCalpin's rules: four vector kernels over arrays that no cache holds, every
 * repetition timed alone and reported, the first one left out of the best, the result compared with arithmetic.
 * Method, formulas and literature: docs/suites/stream.md.
 *
 *   stream --threads one|core|all [--repetitions 10] [--processes 1] [--pages huge|small] [--sysfs /sys]
 *
 * The process that is started works out sizes and CPUs and then forks `processes` measuring processes, one after the
 * other: where memory lands differs from process to process, so repetitions inside one do not show all the spread.
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "kernels.h"

enum { MAX_REPETITIONS = 100, PAIRS = 9 };

static const uint64_t LLC_FACTOR = 4;          /* McCalpin's rule: each array at least 4 x the caches */
static const uint64_t FLOOR_BYTES = 80000000;  /* and at least 80 MB, whatever a guest says of its caches */
static const uint64_t ASSUMED_LLC_PER_CORE = 2u << 20; /* where sysfs is silent */
static const uint64_t MEMORY_DIVISOR = 4;      /* the three arrays take at most a quarter of usable memory */
static const double SHORTEST_SECONDS = 5e-3;   /* a sample is at least this long */
static const double TICKS_PER_SAMPLE = 1000.0; /* or so many times the clock's tick */
static const double SIZE_TOLERANCE = 1.05;     /* triad over n may be this much faster than over 2n */

struct run {
    const char *name; /* one, core or all: the suffix of its metrics */
    struct cpu_list cpus;
    uint64_t array_bytes, required_bytes;
    int repetitions, processes;
    enum pages pages;
};

static void check_named(const struct run *run, const char *what, bool ok, double value, double limit) {
    char name[64];
    snprintf(name, sizeof name, "%s.%s", what, run->name);
    report_check(name, ok, value, limit);
}

static void verify(const struct run *run, const struct arrays *v, double shortest, double tick) {
    double error[3];
    mean_errors(v, run->cpus.count, run->repetitions, error);
    check_named(run, "array_a", within_epsilon(error[0]), error[0], EPSILON);
    check_named(run, "array_b", within_epsilon(error[1]), error[1], EPSILON);
    check_named(run, "array_c", within_epsilon(error[2]), error[2], EPSILON);

    /* One bad element among n must fail, whatever the compiler was told about NaN. */
    v->a[v->n / 2] = NAN;
    mean_errors(v, run->cpus.count, run->repetitions, error);
    check_named(run, "nan_is_seen", !within_epsilon(error[0]), within_epsilon(error[0]), 0.0);

    int workers = 0, bound = 0;
    for (int t = 0; t < run->cpus.count; t++) {
        workers += shares[t].elements > 0;
        bound += shares[t].allowed == 1 && shares[t].cpu == run->cpus.cpu[t];
    }
    check_named(run, "team", workers == run->cpus.count, workers, run->cpus.count);
    check_named(run, "binding", bound == run->cpus.count, bound, run->cpus.count);
    check_named(run, "array_size", v->n * sizeof(double) >= run->required_bytes, (double)(v->n * sizeof(double)),
                (double)run->required_bytes);
    double ticks = TICKS_PER_SAMPLE * tick, limit = ticks < SHORTEST_SECONDS ? ticks : SHORTEST_SECONDS;
    check_named(run, "timer", shortest >= limit, shortest, limit);
}

static int ascending(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/*
 * Is an array of n elements large enough that making it twice as large changes nothing? A checksum cannot see an
 * array that fits in a cache. Compared on the same pages and in the same moments, so that neither placement nor a
 * neighbour decides: 2n elements at once against their two halves, each half passed twice and timed the second time,
 * when a cache that holds it would answer. The check fails only when every pair lies above the tolerance: by chance
 * that happens in 1 of 500 at most if the median does not. `holds`: all pairs but one lie below it, the opposite is
 * shown.
 */
static void check_twice_the_size(const struct run *run) {
    struct arrays v;
    double ratio[PAIRS];
    int threads = run->cpus.count;
    if (!allocate_arrays(&v, 2 * run->array_bytes, run->pages)) die("memory for arrays of 2n");
    touch_first(&v, threads);
    for (int k = 0; k < PAIRS; k++) {
        double halves = 0.0;
        for (int part = 1; part <= 2; part++) {
            pass(TRIAD, &v, threads, part);
            halves += pass(TRIAD, &v, threads, part);
        }
        pass(TRIAD, &v, threads, 0);
        ratio[k] = pass(TRIAD, &v, threads, 0) / halves;
    }
    munmap(v.memory, v.bytes);
    qsort(ratio, PAIRS, sizeof *ratio, ascending);
    check_named(run, "n_against_2n", ratio[0] <= SIZE_TOLERANCE, ratio[0], SIZE_TOLERANCE);

    char name[64];
    snprintf(name, sizeof name, "n_against_2n.%s", run->name);
    json_open();
    json_string("fact", name);
    json_begin("value", '{');
    json_real("median", ratio[PAIRS / 2]);
    json_real("least", ratio[0]);
    json_real("greatest", ratio[PAIRS - 1]);
    json_integer("pairs", PAIRS);
    json_boolean("holds", ratio[PAIRS - 2] <= SIZE_TOLERANCE);
    json_end('}');
    json_close();
}

/* ---- one measuring process --------------------------------------------------------------------------------- */

static void report_process(const struct run *run, int process, const struct arrays *v, double wall,
                           const struct rusage *before, const struct rusage *after, double tick) {
    char name[64];
    snprintf(name, sizeof name, "process.%s.%d", run->name, process);
    double cpu = (double)(after->ru_utime.tv_sec - before->ru_utime.tv_sec) +
                 (double)(after->ru_stime.tv_sec - before->ru_stime.tv_sec) +
                 1e-6 * (double)(after->ru_utime.tv_usec - before->ru_utime.tv_usec) +
                 1e-6 * (double)(after->ru_stime.tv_usec - before->ru_stime.tv_usec);
    json_open();
    json_string("fact", name);
    json_begin("value", '{');
    json_real("wall_seconds", wall);
    json_real("cpu_seconds", cpu);
    /* Below 0.9 another program had part of the CPUs. */
    json_real("cpu_per_wall_and_thread", cpu / wall / run->cpus.count);
    json_integer("involuntary_switches", after->ru_nivcsw - before->ru_nivcsw);
    json_integer("huge_page_bytes", (int64_t)huge_bytes_observed(v->memory, v->bytes));
    json_real("timer_tick_seconds", tick);
    json_end('}');
    json_close();
}

static void report_samples(const struct run *run, int process, size_t n, double seconds[][KERNELS]) {
    for (int k = 0; k < run->repetitions; k++)
        for (int kernel = 0; kernel < KERNELS; kernel++) {
            char metric[64];
            uint64_t bytes = BYTES_PER_ELEMENT[kernel] * n;
            snprintf(metric, sizeof metric, "%s.%s", KERNEL_NAME[kernel], run->name);
            json_open();
            json_string("sample", metric);
            json_real("value", 1e-9 * (double)bytes / seconds[k][kernel]);
            json_real("seconds", seconds[k][kernel]);
            json_integer("bytes", (int64_t)bytes);
            json_integer("process", process);
            json_integer("repetition", k);
            if (k == 0) json_boolean("excluded", true);
            json_close();
        }
}

static void measure(const struct run *run, int process) {
    static double seconds[MAX_REPETITIONS][KERNELS];
    struct rusage before, after;
    struct arrays v;
    double shortest = HUGE_VAL, told = now_seconds(), tick = timer_tick_seconds();

    omp_set_dynamic(0);
    shares = calloc((size_t)run->cpus.count, sizeof *shares);
    if (!shares || !allocate_arrays(&v, run->array_bytes, run->pages)) die("memory for the arrays");
    bind_team(&run->cpus);
    touch_first(&v, run->cpus.count);

    getrusage(RUSAGE_SELF, &before);
    double start = now_seconds();
    for (int k = 0; k < run->repetitions; k++) {
        for (int kernel = 0; kernel < KERNELS; kernel++) {
            seconds[k][kernel] = pass((enum kernel)kernel, &v, run->cpus.count, 0);
            if (seconds[k][kernel] < shortest) shortest = seconds[k][kernel];
        }
        /* Whoever reads this line takes CPU time from the next pass, so: seldom, and samples only at the end. */
        if (now_seconds() - told > 5.0) {
            told = now_seconds();
            report_progress((int64_t)process * run->repetitions + k + 1, (int64_t)run->processes * run->repetitions);
        }
    }
    double wall = now_seconds() - start;
    getrusage(RUSAGE_SELF, &after);

    report_samples(run, process, v.n, seconds);
    report_process(run, process, &v, wall, &before, &after, tick);
    verify(run, &v, shortest, tick);
    munmap(v.memory, v.bytes);
    if (process == 0) check_twice_the_size(run);
    report_progress((int64_t)(process + 1) * run->repetitions, (int64_t)run->processes * run->repetitions);
}

/* A process of its own for each measurement; OpenMP has not been used before the fork, so the child may use it. */
static void measure_in_child(const struct run *run, int process) {
    int status;
    fflush(stdout);
    pid_t parent = getpid(), child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(1);
        measure(run, process);
        exit(0);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) die("waitpid");
    if (WIFSIGNALED(status)) fprintf(stderr, "process %d died of signal %d\n", process, WTERMSIG(status));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) exit(1);
}

/* ---- sizes, CPUs, and what was decided --------------------------------------------------------------------- */

struct plan {
    struct cpu_list all, cores;
    struct llc llc;
    uint64_t memory_bytes;
    const char *memory_source;
};

static void report_plan(const struct run *run, const struct plan *plan, const char *sysfs) {
    char name[64];
    snprintf(name, sizeof name, "run.%s", run->name);
    json_open();
    json_string("fact", name);
    json_begin("value", '{');
    json_integer("threads", run->cpus.count);
    json_string("binding", "thread i on the i-th CPU of this list, by sched_setaffinity");
    json_cpus("cpus", &run->cpus);
    json_integer("usable_cpus", plan->all.count);
    json_integer("usable_cores", plan->cores.count);
    json_integer("array_bytes", (int64_t)run->array_bytes);
    json_integer("array_elements", (int64_t)(run->array_bytes / sizeof(double)));
    json_integer("llc_bytes", (int64_t)plan->llc.bytes);
    json_integer("llc_groups", plan->llc.groups);
    json_integer("llc_level", plan->llc.level);
    json_string("llc_source", plan->llc.groups ? sysfs : "assumed: 2 MiB per core");
    json_integer("memory_bytes", (int64_t)plan->memory_bytes);
    json_string("memory_source", plan->memory_source);
    json_string("pages", run->pages == PAGES_HUGE ? "huge, asked for by madvise" : "small, huge forbidden by madvise");
    json_integer("page_bytes", sysconf(_SC_PAGESIZE));
    json_integer("repetitions", run->repetitions);
    json_integer("processes", run->processes);
    json_string("compiler", COMPILER);
    json_end('}');
    json_close();
}

/* The size McCalpin's rule asks for, rounded up to whole huge pages; whether it fits is another question. */
static uint64_t required_array_bytes(const struct llc *llc) {
    uint64_t rule = LLC_FACTOR * llc->bytes;
    return rule > FLOOR_BYTES ? rule : FLOOR_BYTES;
}

static bool fits_in_memory(const struct run *run, const struct plan *plan) {
    char reason[256], metric[64];
    if (3 * run->array_bytes <= plan->memory_bytes / MEMORY_DIVISOR) return true;
    snprintf(reason, sizeof reason,
             "three arrays of %.0f MB (4 x %.0f MB of cache, at least 80 MB) need more than a quarter of %.0f MB of "
             "memory",
             1e-6 * (double)run->array_bytes, 1e-6 * (double)plan->llc.bytes, 1e-6 * (double)plan->memory_bytes);
    for (int kernel = 0; kernel < KERNELS; kernel++) {
        snprintf(metric, sizeof metric, "%s.%s", KERNEL_NAME[kernel], run->name);
        report_declined(metric, reason);
    }
    return false;
}

static int parse_count(const char *text, int low, int high) {
    char *end;
    long value = text ? strtol(text, &end, 10) : 0;
    if (!text || end == text || *end || value < low || value > high) {
        fprintf(stderr, "a number from %d to %d is needed, not %s\n", low, high, text ? text : "nothing");
        exit(2);
    }
    return (int)value;
}

static struct run parse_arguments(int argc, char **argv, const char **sysfs) {
    struct run run = {.name = "", .repetitions = 10, .processes = 1, .pages = PAGES_HUGE};
    for (int i = 1; i < argc; i += 2) {
        const char *value = argv[i + 1]; /* argv[argc] is NULL */
        if (value && strcmp(argv[i], "--threads") == 0) run.name = value;
        else if (strcmp(argv[i], "--repetitions") == 0) run.repetitions = parse_count(value, 2, MAX_REPETITIONS);
        else if (strcmp(argv[i], "--processes") == 0) run.processes = parse_count(value, 1, 100);
        else if (value && strcmp(argv[i], "--sysfs") == 0) *sysfs = value;
        else if (value && strcmp(argv[i], "--pages") == 0 && strcmp(value, "huge") == 0) run.pages = PAGES_HUGE;
        else if (value && strcmp(argv[i], "--pages") == 0 && strcmp(value, "small") == 0) run.pages = PAGES_SMALL;
        else {
            fprintf(stderr, "not understood: %s %s\n", argv[i], value ? value : "");
            exit(2);
        }
    }
    return run;
}

int main(int argc, char **argv) {
    static struct plan plan;
    static struct run run;
    const char *sysfs = "/sys";
    run = parse_arguments(argc, argv, &sysfs);
    usable_cpus(&plan.all);
    one_cpu_per_core(sysfs, &plan.all, &plan.cores);
    plan.llc = last_level_caches(sysfs, &plan.all);
    if (plan.llc.groups == 0) plan.llc.bytes = ASSUMED_LLC_PER_CORE * (uint64_t)plan.cores.count;
    plan.memory_bytes = usable_memory_bytes(&plan.memory_source);

    if (strcmp(run.name, "all") == 0) run.cpus = plan.all;
    else if (strcmp(run.name, "core") == 0) run.cpus = plan.cores;
    else if (strcmp(run.name, "one") == 0) run.cpus = (struct cpu_list){.count = 1, .cpu = {plan.all.cpu[0]}};
    else {
        fputs("--threads one, core or all is needed\n", stderr);
        return 2;
    }
    run.required_bytes = required_array_bytes(&plan.llc);
    run.array_bytes = whole_pages(run.required_bytes);

    report_plan(&run, &plan, sysfs);
    if (!fits_in_memory(&run, &plan)) return 0;
    for (int process = 0; process < run.processes; process++) measure_in_child(&run, process);
    return 0;
}
