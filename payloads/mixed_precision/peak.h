/*
 * Floating-point peak of one thread or of all: batches of the kernels of fma.h, the clock measured directly after each
 * by a chain of dependent additions, and the checks that the work was done, natively, at a rate that hardware has.
 * Included by mixed_precision.c only.
 */
#ifndef BENCHTUI_MIXED_PRECISION_PEAK_H
#define BENCHTUI_MIXED_PRECISION_PEAK_H

#include <pthread.h>
#include <stdatomic.h>

#include "../common/chain.h"
#include "fma.h"
#include "slices.h"

enum { TRIALS = 3, MAX_PEAK_BATCHES = 100 };

static const double SHORTEST_SECONDS = 5e-3;   /* a batch is at least this long */
static const double CALIBRATED_SECONDS = 7e-3; /* so that one that happens to be faster still is */
static const double WINDOW_SECONDS = 5e-4;     /* of a trial: short enough to find one that nothing interrupted */
static const double INTEGER_TOLERANCE = 0.03;
static const double PATIENCE_SECONDS = 20.0; /* of a process, for each thread to show what it can do undisturbed */
static double patience_spent;                /* by all kernels and checks so far */
/* Directly after a batch, before the core leaves the clock that it had chosen for these instructions. */
enum { CLOCK_SAMPLES = 6 };
static const double CLOCK_SECONDS = 2e-5;

/* ---- a team, each thread on its own CPU ---------------------------------------------------------------------- */

struct worker {
    _Alignas(128) char accumulators[MOST_ACCUMULATORS * LARGEST_VECTOR];
    pthread_t thread;
    const struct kernel *kernel;
    uint64_t iterations;
    atomic_int *waiting;
    int cpu;
    bool bound, exact;
    double start, end, hertz;
};

static void *work(void *argument) {
    _Alignas(LARGEST_VECTOR) char operands[2 * LARGEST_VECTOR];
    struct worker *w = argument;
    struct cpu_list allowed;
    fill_with_ones(w->kernel, operands);
    bool pinned = pin_thread(w->cpu);
    usable_cpus(&allowed);
    w->kernel->run(operands, w->accumulators, w->iterations / 8); /* the core's clock and power follow the load */
    memset(w->accumulators, 0, sizeof w->accumulators);
    atomic_fetch_sub(w->waiting, 1);
    while (atomic_load(w->waiting) > 0) sched_yield();
    w->start = now_seconds();
    w->kernel->run(operands, w->accumulators, w->iterations);
    w->end = now_seconds();
    w->hertz = clock_hertz(CLOCK_SAMPLES, CLOCK_SECONDS);
    w->bound = pinned && allowed.count == 1 && sched_getcpu() == w->cpu;
    w->exact = holds_all_products(w->kernel, w->accumulators, w->iterations);
    return NULL;
}

struct batch {
    double seconds, flops, hertz; /* of the team; mean clock */
    double per_cycle;             /* instructions per cycle and thread, mean */
    int workers;                  /* threads alone on their CPU */
    bool exact;                   /* every accumulator holds every product */
};

static struct batch run_team(const struct kernel *k, const struct cpu_list *cpus, uint64_t iterations) {
    struct batch b = {.exact = true};
    atomic_int waiting = cpus->count;
    double first = HUGE_VAL, last = 0.0;
    struct worker *team = aligned_alloc(128, (size_t)cpus->count * sizeof *team);
    if (!team) die("memory for the threads");
    for (int t = 0; t < cpus->count; t++) {
        team[t].kernel = k, team[t].iterations = iterations, team[t].waiting = &waiting, team[t].cpu = cpus->cpu[t];
        if (pthread_create(&team[t].thread, NULL, work, &team[t]) != 0) die("pthread_create");
    }
    for (int t = 0; t < cpus->count; t++) {
        pthread_join(team[t].thread, NULL);
        double seconds = team[t].end - team[t].start;
        if (team[t].start < first) first = team[t].start;
        if (team[t].end > last) last = team[t].end;
        b.hertz += team[t].hertz / cpus->count;
        b.per_cycle += (double)iterations * k->accumulators / (seconds * team[t].hertz) / cpus->count;
        b.workers += team[t].bound;
        b.exact = b.exact && team[t].exact;
        b.flops += 2.0 * (double)iterations * (double)products_per_iteration(k);
    }
    b.seconds = last - first;
    free(team);
    return b;
}

/* ---- peak of one format --------------------------------------------------------------------------------------- */

struct peak {
    const struct kernel *kernel; /* the fastest of its format; NULL = none runs on this CPU */
    double best;                 /* flops per second, over trials and batches */
    double possible;             /* the same if each thread were as fast as one alone */
    double farthest;             /* from an integer number of instructions per cycle, over its widths */
    double shortest;             /* batch */
    uint64_t observed;           /* products that one iteration of `kernel` adds, counted */
    uint64_t miscounted;         /* kernels that add other numbers of products than is said */
    int workers;                 /* the fewest threads that were alone on their CPUs */
    bool exact;
};

struct peak_plan {
    const char *run; /* one or all */
    const struct cpu *cpu;
    const struct cpu_list *cpus;
    int cores;            /* that the guest is told of */
    bool may_share_cores; /* two threads on one core have half of its units each */
    int batches;
    uint64_t most_iterations; /* in an emulator, where nothing is fast; 0 = no limit */
};

static double rate(const struct batch *b) { return b->flops / b->seconds; }

static uint64_t iterations_for(double seconds, const struct kernel *k, const struct peak_plan *plan) {
    uint64_t iterations = 1000;
    struct batch b = run_team(k, plan->cpus, iterations);
    while (b.seconds < WINDOW_SECONDS / 2 && !plan->most_iterations) {
        iterations *= 4;
        b = run_team(k, plan->cpus, iterations);
    }
    double least = b.seconds; /* a team is as slow as the thread that was interrupted */
    for (int trial = 1; trial < TRIALS && !plan->most_iterations; trial++)
        least = fmin(least, run_team(k, plan->cpus, iterations).seconds);
    uint64_t enough = (uint64_t)((double)iterations * seconds / least) + 1;
    return plan->most_iterations && enough > plan->most_iterations ? plan->most_iterations : enough;
}

/* How far the rate is from a whole number of instructions per cycle, relatively. Halves count as well for bfloat16, as
   units that take its dot products every other cycle exist, and for teams: siblings of a core share its units, and a
   host may put two CPUs of a guest on one core for a while, whatever it tells the guest. */
static double from_integer(const struct kernel *k, double per_cycle, bool may_share_cores) {
    double step = (k->format == BF16 ? 0.5 : 1.0) * (may_share_cores ? 0.5 : 1.0);
    double whole = round(per_cycle / step);
    return whole < 1.0 ? 1.0 : fabs(per_cycle / step / whole - 1.0);
}

/* One look at every thread of the team: where it comes nearer to a whole number than it did before, its distance and
   its instructions per cycle are taken down. Returns the greatest distance of any thread so far. */
static double look(const struct kernel *k, const struct peak_plan *plan, uint64_t iterations, double *each,
                   double *distance, double *per_cycle) {
    double greatest = 0.0;
    rates_per_cycle(k, plan->cpus, iterations, plan->most_iterations ? EMULATED_ROUNDS : INT_MAX, each);
    for (int t = 0; t < plan->cpus->count; t++) {
        double here = from_integer(k, each[t], plan->may_share_cores);
        if (here < distance[t]) distance[t] = here, per_cycle[t] = each[t];
        greatest = fmax(greatest, distance[t]);
    }
    return greatest;
}

/* How far the team's farthest thread stays from a whole number; *per_cycle is the threads' mean. A neighbour on the
   same core may take its units for seconds, and seldom leaves all cores alone at the same time: so each thread has to
   show it once, not all at once, and what patience one kernel does not need is left to the others. */
static double least_distance(const struct kernel *k, const struct peak_plan *plan, double *per_cycle) {
    size_t count = (size_t)plan->cpus->count;
    double *each = calloc(3 * count, sizeof *each), *distance = each + count, *seen = each + 2 * count;
    if (!each) die("memory for the threads");
    for (size_t t = 0; t < count; t++) distance[t] = HUGE_VAL;
    uint64_t iterations = iterations_for(SLICE_SECONDS, k, plan);
    double least, sum = 0.0, start = now_seconds(), until = start + PATIENCE_SECONDS - patience_spent;
    do
        least = look(k, plan, iterations, each, distance, seen);
    while (least > INTEGER_TOLERANCE && now_seconds() < until && !plan->most_iterations);
    patience_spent += now_seconds() - start;
    for (size_t t = 0; t < count; t++) sum += seen[t];
    *per_cycle = sum / (double)count;
    free(each);
    return least;
}

/* The best of a few batches of one thread: a team may have been slower than its cores are when it was measured. */
static double rate_alone(const struct kernel *k, const struct peak_plan *plan, int thread) {
    struct cpu_list one = {.count = 1, .cpu = {plan->cpus->cpu[thread]}};
    struct peak_plan alone = *plan;
    alone.cpus = &one;
    uint64_t iterations = iterations_for(WINDOW_SECONDS, k, &alone);
    double best = 0.0;
    for (int trial = 0; trial < TRIALS; trial++) {
        struct batch b = run_team(k, &one, iterations);
        best = fmax(best, rate(&b));
    }
    return best;
}

/* What the kernel makes possible, looked at again on one CPU after the other while it is below a rate that was seen: a
   neighbour may have had a core's units when the peak was taken, and have left them seconds later. A kernel that is
   slower than that by itself is so at each look. */
static double possible_again(struct peak *peak, const struct peak_plan *plan, double seen) {
    double start = now_seconds(), until = start + PATIENCE_SECONDS - patience_spent;
    for (int look = 0; peak->possible < seen && now_seconds() < until && !plan->most_iterations; look++) {
        wait_until_idle(); /* threads that OpenBLAS left spinning */
        double alone = rate_alone(peak->kernel, plan, look % plan->cpus->count);
        peak->possible = fmax(peak->possible, alone * plan->cpus->count);
    }
    patience_spent += now_seconds() - start;
    return peak->possible;
}

static void report_peak(const struct peak_plan *plan, const struct kernel *k, const struct batch *b, bool excluded) {
    char name[64];
    snprintf(name, sizeof name, "peak.%s.%s", FORMAT_NAME[k->format], plan->run);
    json_open();
    json_string("sample", name);
    json_real("value", 1e-9 * rate(b));
    json_real("seconds", b->seconds);
    json_real("flops", b->flops);
    json_string("instruction", k->instruction);
    json_integer("width_bits", k->bits);
    json_integer("accumulators", k->accumulators);
    json_real("clock_mhz", 1e-6 * b->hertz);
    json_real("instructions_per_cycle", b->per_cycle);
    json_real("flop_per_cycle", 2.0 * b->per_cycle * k->lanes * k->products);
    if (excluded) json_boolean("excluded", true);
    json_close();
}

/* All widths of a format are tried, and the fastest is measured; a width beside it tells what the core is made of. */
static struct peak measure_peak(enum format format, const struct peak_plan *plan) {
    struct peak peak = {.shortest = HUGE_VAL, .workers = plan->cpus->count, .exact = true};
    char missing[64], absent[64] = "", name[64], reason[96];
    double fastest = 0.0;
    snprintf(name, sizeof name, "widths.%s.%s", FORMAT_NAME[format], plan->run);
    json_open();
    json_string("fact", name);
    json_begin("value", '{');
    for (const struct kernel *k = KERNEL; k < KERNEL + KERNELS; k++) {
        if (k->format != format) continue;
        if (!cpu_has_all(plan->cpu, k->flags, missing)) {
            if (!*absent) strcpy(absent, missing);
            continue;
        }
        double per_cycle = 0.0, here = 0.0, distance = least_distance(k, plan, &per_cycle);
        uint64_t iterations = iterations_for(WINDOW_SECONDS, k, plan);
        for (int trial = 0; trial < TRIALS; trial++) {
            struct batch b = run_team(k, plan->cpus, iterations);
            if (rate(&b) > here) here = rate(&b);
        }
        if (distance > peak.farthest) peak.farthest = distance;
        uint64_t observed = products_observed(k);
        if (here > fastest) fastest = peak.best = here, peak.kernel = k, peak.observed = observed;
        peak.miscounted += observed != products_per_iteration(k);
        json_begin(k->symbol, '{');
        json_real("instructions_per_cycle", per_cycle);
        json_real("gflops", 1e-9 * here);
        json_end('}');
    }
    json_end('}');
    json_close();
    if (!peak.kernel) {
        snprintf(name, sizeof name, "peak.%s.%s", FORMAT_NAME[format], plan->run);
        snprintf(reason, sizeof reason, "no %s", absent);
        report_declined(name, reason);
        return peak;
    }
    peak.possible = fmax(peak.best, rate_alone(peak.kernel, plan, 0) * plan->cpus->count);
    uint64_t iterations = iterations_for(CALIBRATED_SECONDS, peak.kernel, plan);
    for (int i = 0; i <= plan->batches; i++) {
        struct batch b = run_team(peak.kernel, plan->cpus, iterations);
        if (b.seconds < SHORTEST_SECONDS && !plan->most_iterations) {
            iterations += iterations / 2, i--; /* calibrated in a slow moment */
            continue;
        }
        report_peak(plan, peak.kernel, &b, i == 0);
        if (rate(&b) > peak.best) peak.best = rate(&b);
        if (b.seconds < peak.shortest) peak.shortest = b.seconds;
        if (b.workers < peak.workers) peak.workers = b.workers;
        peak.possible = fmax(peak.possible, rate(&b));
        /* A multiplication and an addition for each product that was counted, and no more. */
        peak.exact = peak.exact && b.exact &&
                     b.flops == 2.0 * (double)peak.observed * (double)iterations * plan->cpus->count;
    }
    return peak;
}

/* ---- is the instruction in this very program? ----------------------------------------------------------------- */

/* How often the kernel's instruction stands in its function, as objdump (binutils, which gcc needs anyway) reads this
   program's file; -1 when it cannot be read. */
static int disassembled(const struct kernel *k) {
    char self[PATH_BYTES], command[2 * PATH_BYTES], line[TEXT_BYTES];
    const char *objdump = getenv("OBJDUMP");
    int count = 0;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) return -1;
    self[length] = 0;
    if (strchr(self, '\'')) return -1;
    snprintf(command, sizeof command, "%s -d --no-show-raw-insn --disassemble=%s '%s' 2>/dev/null",
             objdump ? objdump : "objdump", k->symbol, self);
    FILE *listing = popen(command, "r");
    if (!listing) return -1;
    while (fgets(line, sizeof line, listing)) {
        const char *found = strstr(line, k->instruction);
        count += found && strstr(found, k->operand);
    }
    return pclose(listing) == 0 ? count : -1;
}

static void check_peak(const struct peak_plan *plan, enum format format, const struct peak *peak) {
    char name[64];
    const char *of = FORMAT_NAME[format];
    snprintf(name, sizeof name, "native_%s.%s", of, plan->run);
    int count = disassembled(peak->kernel);
    report_check(name, count >= peak->kernel->accumulators, count, peak->kernel->accumulators);
    snprintf(name, sizeof name, "products_%s.%s", of, plan->run);
    report_check(name, peak->miscounted == 0 && peak->exact, (double)peak->miscounted + !peak->exact, 0.0);
    snprintf(name, sizeof name, "integer_%s.%s", of, plan->run);
    report_check(name, peak->farthest <= INTEGER_TOLERANCE, peak->farthest, INTEGER_TOLERANCE);
    snprintf(name, sizeof name, "team_%s.%s", of, plan->run);
    report_check(name, peak->workers == plan->cpus->count, peak->workers, plan->cpus->count);
}

#endif
