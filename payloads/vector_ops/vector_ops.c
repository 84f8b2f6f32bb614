/*
 * Seven functions of BLAS level 1 on vectors that lie in the first, second and third cache and in memory, by the
 * distribution's OpenBLAS with one thread and with all. Method, formulas and literature: docs/suites/vector_ops.md.
 *
 *   vector_ops --threads one|all [--batches 3] [--sysfs /sys] [--cpuinfo FILE]
 *
 * A sample is a batch: as many calls in a row as take 5 ms or more, since one call of a short vector takes less time
 * than reading the clock.
 */
#include <limits.h>

#include "../common/arguments.h"
#include "functions.h"

enum { MAX_BATCHES = 100, LEVELS = 4, PROBES = 30 };
enum level { L1, L2, L3, DRAM };

/* Those that change nothing, the one that restores x, and then the two that leave another y: one filling is enough. */
static const enum function ORDER[FUNCTIONS] = {DDOT, DNRM2, DASUM, IDAMAX, DSCAL, DAXPY, DCOPY};
static const char *const LEVEL_NAME[LEVELS] = {"l1", "l2", "l3", "dram"};
static const double SHORTEST_SECONDS = 5e-3;   /* a batch is at least this long */
static const double CALIBRATED_SECONDS = 7e-3; /* so that one that happens to be faster still is */
static const double TICKS_PER_BATCH = 1000.0;  /* or so many times the clock's tick */
static const uint64_t LLC_FACTOR = 4;          /* a vector in memory: at least 4 x the last-level caches */
static const uint64_t FLOOR_BYTES = 80000000;  /* and at least 80 MB, whatever a guest says of its caches */
static const uint64_t MEMORY_DIVISOR = 2;      /* both vectors take at most half of the usable memory */

struct plan {
    const char *name; /* one or all: the suffix of its metrics */
    const char *sysfs;
    struct cpu_list cpus;
    int batches;
    struct llc llc;
    uint64_t l1_bytes, l2_bytes, l3_bytes, memory_bytes; /* caches of one core; 0 = sysfs does not tell */
    const char *memory_source;
    uint64_t vector_bytes[LEVELS], dram_rule;
};

/* What the verdict needs of all that was measured. */
static struct {
    double error[FUNCTIONS]; /* over its bound, the greatest of the levels */
    double shortest;         /* batch */
    double busiest[FUNCTIONS][LEVELS]; /* CPU seconds per wall second */
    bool measured[LEVELS];
} seen = {.shortest = HUGE_VAL};

static const char *named(const char *what, const char *middle, const char *suffix) {
    static char name[96];
    snprintf(name, sizeof name, middle ? "%s.%s.%s" : "%s%s.%s", what, middle ? middle : "", suffix);
    return name;
}

static void check(const struct plan *plan, const char *what, bool ok, double value, double limit) {
    report_check(named(what, NULL, plan->name), ok, value, limit);
}

/* ---- sizes ------------------------------------------------------------------------------------------------- */

/* Bytes of one CPU's data cache of this level; 0 when sysfs does not tell. */
static uint64_t cache_bytes(const char *sysfs, int cpu, int level) {
    char name[PATH_BYTES], text[TEXT_BYTES];
    for (int index = 0; index < 16; index++) {
        snprintf(name, sizeof name, "cache/index%d/level", index);
        if (!cpu_file(sysfs, cpu, name, text)) return 0;
        if (atoi(text) != level) continue;
        snprintf(name, sizeof name, "cache/index%d/type", index);
        if (cpu_file(sysfs, cpu, name, text) && strcmp(text, "Instruction") == 0) continue;
        snprintf(name, sizeof name, "cache/index%d/size", index);
        return cpu_file(sysfs, cpu, name, text) ? parse_bytes(text) : 0;
    }
    return 0;
}

/* Both vectors fill half of the first and of the second cache of one core, an eighth of the third (a guest gets a
   part of what it is told) but twice the second. The same for one thread and for all: then they can be compared. */
static void decide_sizes(struct plan *plan) {
    int cpu = plan->cpus.cpu[0];
    plan->l1_bytes = cache_bytes(plan->sysfs, cpu, 1);
    plan->l2_bytes = cache_bytes(plan->sysfs, cpu, 2);
    plan->l3_bytes = cache_bytes(plan->sysfs, cpu, 3);
    plan->vector_bytes[L1] = plan->l1_bytes / 4;
    plan->vector_bytes[L2] = plan->l2_bytes / 4;
    uint64_t l3 = plan->l3_bytes / 16, beyond_l2 = 2 * plan->l2_bytes;
    plan->vector_bytes[L3] = l3 > beyond_l2 ? l3 : beyond_l2;
    plan->dram_rule = LLC_FACTOR * plan->llc.bytes > FLOOR_BYTES ? LLC_FACTOR * plan->llc.bytes : FLOOR_BYTES;
    plan->vector_bytes[DRAM] = whole_pages(plan->dram_rule);
}

/* Why nothing can be measured at this level; empty when it can. */
static void obstacle(const struct plan *plan, enum level level, char reason[256]) {
    uint64_t cache = level == L1 ? plan->l1_bytes : level == L2 ? plan->l2_bytes : plan->l3_bytes;
    *reason = 0;
    if (level != DRAM && cache == 0)
        snprintf(reason, 256, "sysfs tells of no data cache of level %d", (int)level + 1);
    else if (level == DRAM && plan->llc.groups == 0)
        snprintf(reason, 256, "sysfs tells of no cache, so no size is known to be beyond them");
    else if (level == L3 && 2 * plan->vector_bytes[L3] > plan->l3_bytes / 2)
        snprintf(reason, 256, "two vectors beyond the second cache (%.1f MB) fill more than half of the third (%.1f MB)",
                 2e-6 * (double)plan->vector_bytes[L3], 1e-6 * (double)plan->l3_bytes);
    else if (2 * plan->vector_bytes[level] > plan->memory_bytes / MEMORY_DIVISOR)
        snprintf(reason, 256, "two vectors of %.0f MB (4 x %.0f MB of cache, at least 80 MB) need more than half of "
                 "%.0f MB of memory", 1e-6 * (double)plan->vector_bytes[level], 1e-6 * (double)plan->llc.bytes,
                 1e-6 * (double)plan->memory_bytes);
    else if (plan->vector_bytes[level] / sizeof(double) > INT_MAX)
        snprintf(reason, 256, "vectors of more than 2^31 elements, which this BLAS does not count");
}

static void decline_level(const struct plan *plan, enum level level, const char *reason) {
    for (int f = 0; f < FUNCTIONS; f++)
        report_declined(named(FUNCTION_NAME[f], LEVEL_NAME[level], plan->name), reason);
}

/* ---- measuring --------------------------------------------------------------------------------------------- */

struct batch {
    uint64_t calls;
    double seconds, cpu_seconds;
};

static struct batch timed(enum function f, const struct vectors *v, uint64_t calls, struct outcome *outcome) {
    double cpu = process_cpu_seconds(), start = now_seconds();
    repeat(f, v, calls, outcome);
    double seconds = now_seconds() - start;
    return (struct batch){calls, seconds, process_cpu_seconds() - cpu};
}

static uint64_t calls_of_a_batch(enum function f, const struct vectors *v, struct outcome *outcome) {
    uint64_t calls = 1;
    for (;;) {
        double seconds = timed(f, v, calls, outcome).seconds;
        if (seconds >= CALIBRATED_SECONDS) return calls;
        double factor = seconds > 1e-4 ? 1.1 * CALIBRATED_SECONDS / seconds : 16.0;
        calls = (uint64_t)((double)calls * (factor > 1.2 ? factor : 1.2)) + 1;
    }
}

static void report_batch(const struct plan *plan, enum function f, enum level level, const struct vectors *v,
                         const struct batch *b, bool excluded) {
    double elements = (double)v->n * (double)b->calls;
    double ns = 1e9 * b->seconds / elements, gb = (double)BYTES_PER_ELEMENT[f] / ns;
    json_open();
    json_string("sample", named(FUNCTION_NAME[f], LEVEL_NAME[level], plan->name));
    json_real("value", in_nanoseconds(f) ? ns : gb);
    json_real("seconds", b->seconds);
    json_integer("calls", (int64_t)b->calls);
    json_integer("elements", v->n);
    json_integer("bytes", (int64_t)(BYTES_PER_ELEMENT[f] * (uint64_t)v->n * b->calls));
    json_real("ns_per_element", ns);
    json_real("gb_per_s", gb);
    json_real("cpu_per_wall", b->cpu_seconds / b->seconds);
    if (excluded) json_boolean("excluded", true);
    json_close();
}

static void measure_function(const struct plan *plan, enum function f, enum level level, const struct vectors *v) {
    static struct batch batch[MAX_BATCHES + 1];
    struct outcome outcome = {0.0, 0};
    wait_until_idle();
    uint64_t calls = calls_of_a_batch(f, v, &outcome);
    for (int k = 0; k <= plan->batches; k++) {
        batch[k] = timed(f, v, calls, &outcome);
        if (batch[k].seconds < SHORTEST_SECONDS) calls = 2 * calls, k--; /* calibrated in a slow moment */
    }
    if (f == DSCAL && outcome.calls % 2 == 1) repeat(f, v, 1, &outcome); /* x as it was, for the next function */
    double error = error_of(f, v, &outcome), *busiest = &seen.busiest[f][level];
    if (!(error <= seen.error[f])) seen.error[f] = error;
    for (int k = 0; k <= plan->batches; k++) {
        report_batch(plan, f, level, v, &batch[k], k == 0);
        double busy = batch[k].cpu_seconds / batch[k].seconds;
        if (batch[k].seconds < seen.shortest) seen.shortest = batch[k].seconds;
        if (k > 0 && busy > *busiest) *busiest = busy;
    }
}

/* While no daxpy has kept the threads busy yet, some more of them, not samples: another program that has a CPU for a
   moment is no proof that the library does not use it. */
static void look_for_the_team(const struct plan *plan, enum level level, const struct vectors *v) {
    struct outcome outcome = {0.0, 0};
    double *busiest = &seen.busiest[DAXPY][level];
    uint64_t calls = 0;
    for (int probe = 0; probe < PROBES && *busiest < least_busy(plan->cpus.count); probe++) {
        if (!calls) calls = calls_of_a_batch(DAXPY, v, &outcome);
        struct batch b = timed(DAXPY, v, calls, &outcome);
        if (b.cpu_seconds / b.seconds > *busiest) *busiest = b.cpu_seconds / b.seconds;
    }
}

/* ---- verdict and facts ------------------------------------------------------------------------------------- */

/* Of the seven comparisons, how many accept a result that is wrong in this way. */
static int accepting(double (*wrong)(double)) {
    int count = 0;
    for (int f = 0; f < FUNCTIONS; f++) count += accepted((enum function)f, wrong);
    return count;
}

static void verify(const struct plan *plan, double tick) {
    for (int f = 0; f < FUNCTIONS; f++) check(plan, FUNCTION_NAME[f], within_bound(seen.error[f]), seen.error[f], 1.0);
    int right = accepting(unchanged), nan = accepting(not_a_number), single = accepting(in_single) + accepting(next_one);
    check(plan, "nan_is_seen", right == FUNCTIONS && nan == 0, nan, 0.0);
    check(plan, "single_is_seen", right == FUNCTIONS && single == 0, single, 0.0);

    uint64_t wrong = 0;
    for (int f = 0; f < FUNCTIONS; f++) wrong += bytes_observed((enum function)f) != BYTES_PER_ELEMENT[f];
    check(plan, "bytes", wrong == 0, (double)wrong, 0.0);

    double ticks = TICKS_PER_BATCH * tick, limit = ticks > SHORTEST_SECONDS ? ticks : SHORTEST_SECONDS;
    check(plan, "timer", seen.shortest >= limit, seen.shortest, limit);
    check(plan, "array_size", plan->vector_bytes[DRAM] >= plan->dram_rule, (double)plan->vector_bytes[DRAM],
          (double)plan->dram_rule);

    /* daxpy is threaded by every build with threads: on its longest vectors they have to be at work. */
    int threads = openblas_get_num_threads();
    double busy = 0.0;
    for (int level = 0; level < LEVELS; level++)
        if (seen.measured[level] && seen.busiest[DAXPY][level] > busy) busy = seen.busiest[DAXPY][level];
    int count = plan->cpus.count;
    double least = least_busy(count), most = most_busy(count);
    check(plan, "team", threads == count && busy >= least && busy <= most, busy, count > 1 ? least : most);
}

/* How many CPUs each function kept busy: the library has no threads for some of them, or not for short vectors. */
static void report_threading(const struct plan *plan) {
    json_open();
    json_string("fact", named("cpus_busy", NULL, plan->name));
    json_begin("value", '{');
    for (int f = 0; f < FUNCTIONS; f++) {
        json_begin(FUNCTION_NAME[f], '{');
        for (int level = 0; level < LEVELS; level++)
            if (seen.measured[level]) json_real(LEVEL_NAME[level], round(100.0 * seen.busiest[f][level]) / 100.0);
        json_end('}');
    }
    json_end('}');
    json_close();
}

static void report_plan(const struct plan *plan, double tick) {
    json_open();
    json_string("fact", named("run", NULL, plan->name));
    json_begin("value", '{');
    json_integer("threads", plan->cpus.count);
    json_string("binding", plan->cpus.count == 1 ? "bound to one CPU" : "the library's threads, free among the CPUs");
    json_cpus("cpus", &plan->cpus);
    json_begin("elements", '{');
    for (int level = 0; level < LEVELS; level++)
        json_integer(LEVEL_NAME[level], (int64_t)(plan->vector_bytes[level] / sizeof(double)));
    json_end('}');
    json_integer("l1_bytes", (int64_t)plan->l1_bytes);
    json_integer("l2_bytes", (int64_t)plan->l2_bytes);
    json_integer("l3_bytes", (int64_t)plan->l3_bytes);
    json_integer("llc_bytes", (int64_t)plan->llc.bytes);
    json_integer("llc_groups", plan->llc.groups);
    json_integer("memory_bytes", (int64_t)plan->memory_bytes);
    json_string("memory_source", plan->memory_source);
    json_integer("batches", plan->batches);
    json_real("timer_tick_seconds", tick);
    json_string("compiler", COMPILER);
    json_end('}');
    json_close();
}

static void measure(struct plan *plan) {
    char reason[256];
    int done = 0;
    double tick = timer_tick_seconds();
    report_plan(plan, tick);
    for (int level = 0; level < LEVELS; level++) {
        struct vectors v;
        obstacle(plan, (enum level)level, reason);
        if (*reason) {
            decline_level(plan, (enum level)level, reason);
            continue;
        }
        if (!allocate_vectors(&v, plan->vector_bytes[level])) die("memory for the vectors");
        for (int f = 0; f < FUNCTIONS; f++) measure_function(plan, ORDER[f], (enum level)level, &v);
        if (level >= L3) look_for_the_team(plan, (enum level)level, &v);
        munmap(v.memory, v.bytes);
        seen.measured[level] = true;
        done++;
        report_progress(level + 1, LEVELS);
    }
    if (done == 0) return;
    report_threading(plan);
    verify(plan, tick);
}

int main(int argc, char **argv) {
    static struct plan plan = {.name = "", .sysfs = "/sys", .batches = 3};
    static struct cpu cpu;
    const char *cpuinfo = NULL;
    char reason[160];
    for (int i = 1; i < argc; i += 2) {
        const char *value = argv[i + 1]; /* argv[argc] is NULL */
        if (value && strcmp(argv[i], "--threads") == 0) plan.name = value;
        else if (strcmp(argv[i], "--batches") == 0) plan.batches = parse_count(value, 1, MAX_BATCHES);
        else if (value && strcmp(argv[i], "--sysfs") == 0) plan.sysfs = value;
        else if (value && strcmp(argv[i], "--cpuinfo") == 0) cpuinfo = value;
        else {
            fprintf(stderr, "not understood: %s %s\n", argv[i], value ? value : "");
            return 2;
        }
    }
    if (strcmp(plan.name, "one") != 0 && strcmp(plan.name, "all") != 0) {
        fputs("--threads one or all is needed\n", stderr);
        return 2;
    }
    identify_cpu(cpuinfo, &cpu);
    force_fitting_core(argv, &cpu);
    usable_cpus(&plan.cpus);
    plan.llc = last_level_caches(plan.sysfs, &plan.cpus);
    plan.memory_bytes = usable_memory_bytes(&plan.memory_source);
    if (strcmp(plan.name, "one") == 0) {
        plan.cpus.count = 1;
        if (!pin_thread(plan.cpus.cpu[0])) die("sched_setaffinity");
    }
    decide_sizes(&plan);
    openblas_set_num_threads(plan.cpus.count);
    report_blas(&cpu, plan.name);
    if (plan.cpus.count > 1 && blas_max_threads() < plan.cpus.count) {
        snprintf(reason, sizeof reason, "this OpenBLAS has %d threads at most, %d CPUs are usable", blas_max_threads(),
                 plan.cpus.count);
        for (int level = 0; level < LEVELS; level++) decline_level(&plan, (enum level)level, reason);
        return 0;
    }
    measure(&plan);
    return 0;
}
