/*
 * Sustainable memory bandwidth by McCalpin's rules: four vector kernels over arrays that no cache holds, every
 * repetition timed alone and reported, the first one left out of the best, the result compared with arithmetic.
 * Method, formulas and literature: docs/suites/stream.md.
 *
 *   stream --threads one|core|all [--stores plain|nt] [--pages huge|small] [--repetitions 10] [--sysfs /sys]
 *   stream --threads one|core|all --twice [the same]      is an array of n as slow as one of 2n? A check, no rates
 */
#include <sys/resource.h>

#include "../common/arguments.h"
#include "../common/median.h"
#include "verify.h"

enum { MAX_REPETITIONS = 100, PAIRS = 9, LEAST_PAIRS = 3, LONGEST_NAME = 64 };
static const double PAIRS_SECONDS = 5.0; /* of the pairs; where caches are large, one takes seconds */

static const uint64_t LLC_FACTOR = 4;          /* McCalpin's rule: each array at least 4 x the caches */
static const uint64_t FLOOR_BYTES = 80000000;  /* and at least 80 MB, whatever a guest says of its caches */
static const uint64_t ASSUMED_LLC_PER_CORE = 2u << 20; /* where sysfs is silent */
/* Of usable memory the three arrays take two fifths at most, so that twice their size fits as well. A guest is told of
   all of its host's cache and given a small part of the memory: 105 MiB and 4 GiB are sold together. */
static const uint64_t MEMORY_NUMERATOR = 2, MEMORY_DENOMINATOR = 5;
static const double SHORTEST_SECONDS = 5e-3;   /* a sample is at least this long */
static const double TICKS_PER_SAMPLE = 1000.0; /* or so many times the clock's tick */
static const double LEAST_TICKS = 100.0; /* and never fewer */
static const double SIZE_TOLERANCE = 1.05;     /* triad over n may be this much faster than over 2n */
static const double HUGE_SHARE = 0.95;         /* of the arrays on huge pages, where they were asked for */
static const double LOCAL_SHARE = 0.95;        /* of the pages looked up on the node of their thread */

struct run {
    const char *threads; /* one, core or all: the last part of its names */
    const char *variant; /* "", "_nt" or "_4k": what its kernels' names end with */
    struct cpu_list cpus;
    uint64_t array_bytes, required_bytes;
    int repetitions, nodes;
    enum pages pages;
    enum stores stores;
    bool twice;
};

/* "triad_nt.all" */
static const char *named(const struct run *run, const char *what) {
    static char name[LONGEST_NAME];
    snprintf(name, sizeof name, "%s%s.%s", what, run->variant, run->threads);
    return name;
}

static void check(const struct run *run, const char *what, bool ok, double value, double limit) {
    report_check(named(run, what), ok, value, limit);
}

/* ---- checks ------------------------------------------------------------------------------------------------ */

static void check_elements(const struct run *run, const struct arrays *v) {
    static const char *const ARRAY[3] = {"array_a", "array_b", "array_c"};
    double error[3];
    mean_errors(v, run->cpus.count, run->repetitions, error);
    for (int k = 0; k < 3; k++) check(run, ARRAY[k], within_epsilon(error[k]), error[k], EPSILON);

    /* One bad element among n must fail, whatever the compiler was told about NaN. */
    v->a[v->n / 2] = NAN;
    mean_errors(v, run->cpus.count, run->repetitions, error);
    check(run, "nan_is_seen", !within_epsilon(error[0]), within_epsilon(error[0]), 0.0);
}

static void check_team(const struct run *run) {
    int workers = 0, bound = 0;
    for (int t = 0; t < run->cpus.count; t++) {
        workers += shares[t].elements > 0;
        bound += shares[t].allowed == 1 && shares[t].cpu == run->cpus.cpu[t];
    }
    check(run, "team", workers == run->cpus.count, workers, run->cpus.count);
    check(run, "binding", bound == run->cpus.count, bound, run->cpus.count);
}

static void check_memory(const struct run *run, const struct arrays *v) {
    double size = (double)(v->n * sizeof(double));
    double huge = (double)huge_bytes_observed(v->memory, v->bytes) / (double)v->bytes;
    bool wanted = run->pages == PAGES_HUGE;
    check(run, "array_size", size >= (double)run->required_bytes, size, (double)run->required_bytes);
    check(run, "pages", wanted ? huge >= HUGE_SHARE : huge == 0.0, huge, wanted ? HUGE_SHARE : 0.0);
    if (run->nodes == 1) {
        check(run, "first_touch", true, 1.0, LOCAL_SHARE); /* there is no other node a page could lie on */
        return;
    }
    int pages = 0, local = 0;
    bool told = look_up_pages(v, run->cpus.count);
    for (int t = 0; t < run->cpus.count; t++) pages += shares[t].pages, local += shares[t].local;
    double share = told && pages ? (double)local / pages : 0.0;
    check(run, "first_touch", share >= LOCAL_SHARE, share, LOCAL_SHARE);
}

static void check_kernels(const struct run *run) {
    int right = 0;
    for (int k = 0; k < KERNELS; k++) right += bytes_observed(KERNEL[run->stores][k]) == (int)BYTES_PER_ELEMENT[k];
    check(run, "bytes", right == KERNELS, right, KERNELS);
    int as_said = kernels_as_said(run->stores);
    check(run, "stores", as_said == KERNELS, as_said, KERNELS);
}

static void check_timer(const struct run *run, double shortest, double tick) {
    double ticks = TICKS_PER_SAMPLE * tick, limit = ticks < SHORTEST_SECONDS ? ticks : SHORTEST_SECONDS;
    limit = fmax(limit, LEAST_TICKS * tick);
    check(run, "timer", shortest >= limit, shortest, limit);
}

/*
 * Is an array of n elements large enough that making it twice as large changes nothing? A checksum cannot see an
 * array that fits in a cache. Compared on the same pages and in the same moments, so that neither placement nor a
 * neighbour decides: 2n elements at once against their two halves, each half passed twice and timed the second time,
 * when a cache that holds it would answer. The check fails only when every pair lies above the tolerance: by chance
 * that happens in 1 of 500 at most if the median does not. `holds`: all pairs but one lie below it, the opposite is
 * shown. Once one lies below it the check has passed, and when its time is up too there are fewer pairs.
 */
static void check_twice_the_size(const struct run *run) {
    struct arrays v;
    double ratio[PAIRS], least = HUGE_VAL;
    int threads = run->cpus.count, pairs = 0;
    if (!allocate_arrays(&v, 2 * run->array_bytes, run->pages)) die("memory for arrays of 2n");
    touch_first(&v, threads);
    double ends = now_seconds() + PAIRS_SECONDS;
    while (pairs < PAIRS && (pairs < LEAST_PAIRS || least > SIZE_TOLERANCE || now_seconds() < ends)) {
        double halves = 0.0;
        for (int part = 1; part <= 2; part++) {
            pass(triad, &v, threads, part);
            halves += pass(triad, &v, threads, part);
        }
        pass(triad, &v, threads, 0);
        ratio[pairs] = pass(triad, &v, threads, 0) / halves;
        least = fmin(least, ratio[pairs++]);
    }
    munmap(v.memory, v.bytes);
    qsort(ratio, (size_t)pairs, sizeof *ratio, ascending);
    check(run, "n_against_2n", ratio[0] <= SIZE_TOLERANCE, ratio[0], SIZE_TOLERANCE);

    json_open();
    json_string("fact", named(run, "n_against_2n"));
    json_begin("value", '{');
    json_real("median", ratio[pairs / 2]);
    json_real("least", ratio[0]);
    json_real("greatest", ratio[pairs - 1]);
    json_integer("pairs", pairs);
    json_boolean("holds", ratio[pairs - 2] <= SIZE_TOLERANCE);
    json_end('}');
    json_close();
}

/* ---- measuring --------------------------------------------------------------------------------------------- */

static double cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static void report_samples(const struct run *run, size_t n, double seconds[][KERNELS], double cpu_per_wall) {
    for (int k = 0; k < run->repetitions; k++)
        for (int kernel = 0; kernel < KERNELS; kernel++) {
            uint64_t bytes = BYTES_PER_ELEMENT[kernel] * n;
            json_open();
            json_string("sample", named(run, KERNEL_NAME[kernel]));
            json_real("value", 1e-9 * (double)bytes / seconds[k][kernel]);
            json_real("seconds", seconds[k][kernel]);
            json_integer("bytes", (int64_t)bytes);
            json_integer("pass", k);
            /* Of the process, for each thread: below 0.9 another program had part of the CPUs. */
            json_real("cpu_per_wall_and_thread", cpu_per_wall);
            if (k == 0) json_boolean("excluded", true);
            json_close();
        }
}

static void measure(const struct run *run) {
    static double seconds[MAX_REPETITIONS][KERNELS];
    struct arrays v;
    double shortest = HUGE_VAL, told = now_seconds(), tick = timer_tick_seconds();
    if (!allocate_arrays(&v, run->array_bytes, run->pages)) die("memory for the arrays");
    touch_first(&v, run->cpus.count);

    double cpu = cpu_seconds(), start = now_seconds();
    for (int k = 0; k < run->repetitions; k++) {
        for (int kernel = 0; kernel < KERNELS; kernel++) {
            seconds[k][kernel] = pass(KERNEL[run->stores][kernel], &v, run->cpus.count, 0);
            if (seconds[k][kernel] < shortest) shortest = seconds[k][kernel];
        }
        /* Whoever reads this line takes CPU time from the next pass, so: seldom, and samples only at the end. */
        if (now_seconds() - told > 5.0) {
            told = now_seconds();
            report_progress(k + 1, run->repetitions);
        }
    }
    double wall = now_seconds() - start;
    report_samples(run, v.n, seconds, (cpu_seconds() - cpu) / wall / run->cpus.count);
    check_team(run);
    check_memory(run, &v);
    check_timer(run, shortest, tick);
    check_elements(run, &v);
    check_kernels(run);
}

/* ---- sizes, CPUs, and what was decided --------------------------------------------------------------------- */

struct plan {
    struct cpu_list all, cores;
    struct llc llc;
    uint64_t memory_bytes;
    const char *memory_source;
};

static void report_plan(const struct run *run, const struct plan *plan, const char *sysfs) {
    json_open();
    json_string("fact", named(run, "run"));
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
    json_string("stores", run->stores == NON_TEMPORAL ? "non-temporal" : "plain");
    json_integer("numa_nodes", run->nodes);
    json_string("compiler", COMPILER);
    json_end('}');
    json_close();
}

/* The size McCalpin's rule asks for, rounded up to whole huge pages; whether it fits is another question. */
static uint64_t required_array_bytes(const struct llc *llc) {
    uint64_t rule = LLC_FACTOR * llc->bytes;
    return rule > FLOOR_BYTES ? rule : FLOOR_BYTES;
}

/* Why these rates cannot be had; false when they can. */
static bool impossible(const struct run *run, const struct plan *plan, char reason[256]) {
    char text[TEXT_BYTES];
    bool huge = read_text("/sys/kernel/mm/transparent_hugepage/enabled", text) && !strstr(text, "[never]");
    *reason = 0;
    if (run->stores == NON_TEMPORAL && !HAVE_NT)
        snprintf(reason, 256, "no non-temporal store is known for this architecture");
    else if (run->pages == PAGES_HUGE && !huge)
        snprintf(reason, 256, "the kernel gives no transparent huge pages");
    else if (run->pages == PAGES_SMALL && sysconf(_SC_PAGESIZE) != 4096)
        snprintf(reason, 256, "this kernel's pages have %ld bytes", sysconf(_SC_PAGESIZE));
    else if (3 * run->array_bytes > plan->memory_bytes / MEMORY_DENOMINATOR * MEMORY_NUMERATOR)
        snprintf(reason, 256,
                 "three arrays of %.0f MB (4 x %.0f MB of cache, at least 80 MB) need more than two fifths of %.0f MB "
                 "of memory",
                 1e-6 * (double)run->array_bytes, 1e-6 * (double)plan->llc.bytes, 1e-6 * (double)plan->memory_bytes);
    return *reason;
}

static bool given(const char *option, const char *value, const char *name, const char *choice) {
    return value && strcmp(option, name) == 0 && (!choice || strcmp(value, choice) == 0);
}

static struct run parse_arguments(int argc, char **argv, const char **sysfs) {
    struct run run = {.threads = "", .variant = "", .repetitions = 10, .pages = PAGES_HUGE};
    for (int i = 1; i < argc; i += 2) {
        const char *option = argv[i], *value = argv[i + 1]; /* argv[argc] is NULL */
        if (strcmp(option, "--twice") == 0) run.twice = true, i--;
        else if (given(option, value, "--threads", NULL)) run.threads = value;
        else if (strcmp(option, "--repetitions") == 0) run.repetitions = parse_count(value, 2, MAX_REPETITIONS);
        else if (given(option, value, "--sysfs", NULL)) *sysfs = value;
        else if (given(option, value, "--pages", "huge")) run.pages = PAGES_HUGE;
        else if (given(option, value, "--pages", "small")) run.pages = PAGES_SMALL;
        else if (given(option, value, "--stores", "plain")) run.stores = PLAIN;
        else if (given(option, value, "--stores", "nt")) run.stores = NON_TEMPORAL;
        else {
            fprintf(stderr, "not understood: %s %s\n", option, value ? value : "");
            exit(2);
        }
    }
    if (run.stores == NON_TEMPORAL && run.pages == PAGES_SMALL) {
        fputs("non-temporal stores are measured on huge pages\n", stderr);
        exit(2);
    }
    if (run.stores == NON_TEMPORAL) run.variant = "_nt";
    if (run.pages == PAGES_SMALL) run.variant = "_4k";
    return run;
}

int main(int argc, char **argv) {
    static struct plan plan;
    static struct run run;
    const char *sysfs = "/sys";
    char reason[256];
    run = parse_arguments(argc, argv, &sysfs);
    usable_cpus(&plan.all);
    one_cpu_per_core(sysfs, &plan.all, &plan.cores);
    plan.llc = last_level_caches(sysfs, &plan.all);
    if (plan.llc.groups == 0) plan.llc.bytes = ASSUMED_LLC_PER_CORE * (uint64_t)plan.cores.count;
    plan.memory_bytes = usable_memory_bytes(&plan.memory_source);

    if (strcmp(run.threads, "all") == 0) run.cpus = plan.all;
    else if (strcmp(run.threads, "core") == 0) run.cpus = plan.cores;
    else if (strcmp(run.threads, "one") == 0) run.cpus = (struct cpu_list){.count = 1, .cpu = {plan.all.cpu[0]}};
    else {
        fputs("--threads one, core or all is needed\n", stderr);
        return 2;
    }
    run.required_bytes = required_array_bytes(&plan.llc);
    run.array_bytes = whole_pages(run.required_bytes);
    run.nodes = numa_nodes(sysfs);

    if (impossible(&run, &plan, reason)) {
        for (int kernel = 0; kernel < KERNELS && !run.twice; kernel++)
            report_declined(named(&run, KERNEL_NAME[kernel]), reason);
    }
    if (!run.twice) report_plan(&run, &plan, sysfs);
    if (*reason) return 0;
    omp_set_dynamic(0);
    shares = calloc((size_t)run.cpus.count, sizeof *shares);
    if (!shares) die("memory for the threads");
    bind_team(&run.cpus);
    if (run.twice) check_twice_the_size(&run);
    else measure(&run);
    return 0;
}
