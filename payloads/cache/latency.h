/*
 * The two runs of the chase: the four levels, and the curve of fixed sizes. Included by cache.c only.
 */
#ifndef BENCHTUI_CACHE_LATENCY_H
#define BENCHTUI_CACHE_LATENCY_H

#include "plan.h"
#include "plateaus.h"
#include "ring.h"

static const double LEAST_RATIO = 20.0;     /* random in memory over the first-level cache */
static const double SEQUENTIAL_NS = 5.0;    /* and the same memory in order, less than this a line, */
static const double HIDDEN_SHARE = 0.9;     /* or this share less than at random: some guests have 7 by 150 ns */
static const double INTEGER_TOLERANCE = 0.05;
static const int LEAST_LOAD_CYCLES = 3, MOST_LOAD_CYCLES = 6; /* load to use in the first-level cache, any core */
enum { CLOCK_WINDOWS = 50, MOST_CLOCK_WINDOWS = 1000, CONTROL_WINDOWS = 40, CONTROL_STEPS = 32768 };
enum { SMALLEST = 12, LARGEST = 31 };       /* of the curve: 2^12 = 4 KiB to 2^31 = 2 GiB, and 1.5 x each between */

/* Over all rings of a run. */
static struct {
    uint64_t rings, whole_cycles, windows, arrived;
    double shortest;
} tally = {.shortest = HUGE_VAL};

static const char *page_name(const struct plan *plan) { return plan->pages == PAGES_HUGE ? "2m" : "4k"; }

/* A random ring over the first `bytes` of the memory, of `most`, walked once and then chased `windows` times. */
static void measure_ring(const struct plan *plan, char *memory, uint64_t most, uint64_t bytes,
                         struct window windows[MAX_WINDOWS]) {
    struct ring ring = {memory, plan->line_bytes, bytes / plan->line_bytes};
    if (plan->paged) make_paged(&ring, most);
    else make_random(&ring);
    tally.rings++;
    tally.whole_cycles += (plan->paged ? walk(&ring) : lines_in_order(&ring)) == ring.lines;
    struct line *line = line_at(&ring, 0);
    uint64_t steps = steps_of(&ring, &line, plan->llc_bytes, plan->window_seconds);
    for (int i = 0; i < plan->windows; i++) {
        windows[i] = timed_chase(&ring, &line, steps);
        /* While it is too short the trial was interrupted, and more steps fit. */
        while (windows[i].seconds < plan->window_seconds / 4 && steps < MOST_WORK) {
            steps = no_whole_rounds(&ring, 2 * steps);
            windows[i] = timed_chase(&ring, &line, steps);
        }
        tally.windows++;
        tally.arrived += windows[i].arrived;
        if (windows[i].seconds < tally.shortest) tally.shortest = windows[i].seconds;
    }
}

static double median_of(const struct plan *plan, const struct window *windows,
                        double (*figure)(const struct window *)) {
    double values[MAX_WINDOWS];
    for (int i = 0; i < plan->windows; i++) values[i] = figure(&windows[i]);
    return median(values, plan->windows);
}

static void report_window(const char *metric, double value, const struct window *window, uint64_t bytes) {
    json_open();
    json_string("sample", metric);
    json_real("value", value);
    json_real("seconds", window->seconds);
    json_integer("loads", (int64_t)window->steps);
    json_integer("bytes", (int64_t)bytes);
    json_real("clock_hertz", window->hertz);
    json_close();
}

static char *memory_for_rings(const struct plan *plan, uint64_t bytes) {
    char *memory = allocate_pages((bytes + huge_page_bytes() - 1) / huge_page_bytes() * huge_page_bytes(), plan->pages);
    if (!memory) die("memory for the rings");
    return memory;
}

static void check_rings(const struct plan *plan, const void *memory, uint64_t bytes, double tick) {
    check(plan, "cycle", tally.whole_cycles == tally.rings, (double)tally.whole_cycles, (double)tally.rings);
    check(plan, "consumed", tally.arrived == tally.windows, (double)tally.arrived, (double)tally.windows);
    check_pages(plan, memory, bytes);
    check_timer(plan, tally.shortest, tick);
    check_binding(plan);
}

static void latency_metric(char name[LONGEST_NAME], const struct plan *plan, int level, const char *unit) {
    snprintf(name, LONGEST_NAME, "latency.%s.%s.%s", LEVEL_NAME[level], page_name(plan), unit);
}

static bool declined_level(const struct plan *plan, int level) {
    char reason[256], name[LONGEST_NAME];
    if (!no_such_pages(plan->pages, reason) && !no_such_level(plan, (enum level)level, reason) &&
        !beyond_memory(plan, plan->bytes[level], reason))
        return false;
    latency_metric(name, plan, level, "ns");
    report_declined(name, reason);
    latency_metric(name, plan, level, "cycles");
    report_declined(name, reason);
    return true;
}

/* An L1 hit takes a whole number of cycles: if ours are not one, the clock or the number of loads is wrong. The best of
   many short windows, of more where neighbours are: they only ever make one longer. Returns it in nanoseconds. */
static double check_clock(const struct plan *plan, char *memory) {
    struct ring ring = {memory, plan->line_bytes, GRAIN / plan->line_bytes};
    make_random(&ring);
    struct line *line = line_at(&ring, 0);
    uint64_t steps = steps_of(&ring, &line, plan->llc_bytes, CLOCK_SAMPLE_SECONDS);
    double ns = HUGE_VAL, hertz = 0.0, l1_cycles = 0.0, whole = 0.0;
    bool ok = false;
    for (int i = 0; i < MOST_CLOCK_WINDOWS && !(ok && i >= CLOCK_WINDOWS); i++) {
        struct window w = timed_chase(&ring, &line, steps);
        ns = fmin(ns, nanoseconds(&w));
        hertz = fmax(hertz, w.hertz);
        l1_cycles = 1e-9 * ns * hertz;
        whole = round(l1_cycles);
        ok = whole >= LEAST_LOAD_CYCLES && whole <= MOST_LOAD_CYCLES &&
             fabs(l1_cycles - whole) <= INTEGER_TOLERANCE * whole;
    }
    check(plan, "clock", ok, l1_cycles, whole);
    return ns;
}

/* The control: the same lines in the order of their addresses, the best of many short windows for the same reason. */
static void check_sequential(const struct plan *plan, char *memory, double random_ns) {
    struct ring ring = {memory, plan->line_bytes, plan->bytes[DRAM] / plan->line_bytes};
    make_sequential(&ring);
    struct line *line = line_at(&ring, 0);
    double ns = HUGE_VAL;
    for (int i = 0; i < CONTROL_WINDOWS; i++) {
        struct window w = timed_chase(&ring, &line, CONTROL_STEPS);
        ns = fmin(ns, nanoseconds(&w));
    }
    double limit = fmax(SEQUENTIAL_NS, (1.0 - HIDDEN_SHARE) * random_ns);
    check(plan, "sequential", ns < limit, ns, limit);
}

static void run_levels(const struct plan *plan) {
    struct window windows[LEVELS][MAX_WINDOWS];
    char name[LONGEST_NAME];
    bool measured[LEVELS];
    double dram_ns = 0.0, tick = timer_tick_seconds();
    uint64_t most = 0;
    for (int level = L1; level < LEVELS; level++) {
        measured[level] = !declined_level(plan, level);
        if (measured[level] && plan->bytes[level] > most) most = plan->bytes[level];
    }
    if (!most) return;
    char *memory = memory_for_rings(plan, most);
    for (int level = L1; level < LEVELS; level++) {
        if (!measured[level]) continue;
        measure_ring(plan, memory, most, plan->bytes[level], windows[level]);
        if (level == DRAM) dram_ns = median_of(plan, windows[level], nanoseconds);
    }
    for (int level = L1; level < LEVELS; level++) {
        for (int i = 0; measured[level] && i < plan->windows; i++) {
            const struct window *window = &windows[level][i];
            latency_metric(name, plan, level, "ns");
            report_window(name, nanoseconds(window), window, plan->bytes[level]);
            latency_metric(name, plan, level, "cycles");
            report_window(name, cycles(window), window, plan->bytes[level]);
        }
    }
    check_rings(plan, memory, most, tick);
    double l1_ns = check_clock(plan, memory);
    if (!measured[DRAM]) return;
    check_size(plan);
    check_sequential(plan, memory, dram_ns);
    check(plan, "random", dram_ns >= LEAST_RATIO * l1_ns, dram_ns / l1_ns, LEAST_RATIO);
}

/* Sizes of the curve in order: 4, 6, 8, 12, … KiB. */
static uint64_t curve_bytes(int i) { return (UINT64_C(2) + (uint64_t)(i % 2)) << (SMALLEST - 1 + i / 2); }
enum { CURVE_POINTS = 2 * (LARGEST - SMALLEST) + 1 };

static const char *curve_name(const struct plan *plan) { return plan->paged ? "paged" : "curve"; }

static void curve_metric(char name[LONGEST_NAME], const struct plan *plan, uint64_t bytes) {
    const char *unit = bytes % (1u << 30) == 0 ? "GiB" : bytes % (1u << 20) == 0 ? "MiB" : "KiB";
    int shift = *unit == 'G' ? 30 : *unit == 'M' ? 20 : 10;
    snprintf(name, LONGEST_NAME, "%s.%s.%" PRIu64 "%s", curve_name(plan), page_name(plan), bytes >> shift, unit);
}

/* Do the sizes that follow from sysfs lie on the plateaus that were found? Where one does not, the figure of that level
   is partly the next one's: this instance gets less of the cache than it is told. */
static void report_sizes(const struct plan *plan, const struct point *curve, int points) {
    struct plateau found[MAX_PLATEAUS];
    int count = find_plateaus(curve, points, found);
    char name[LONGEST_NAME];
    snprintf(name, sizeof name, "sizes_on_plateaus.%s", page_name(plan));
    json_open();
    json_string("fact", name);
    json_begin("value", '{');
    for (int level = L1; level < LEVELS; level++) {
        const struct plateau *p = level == DRAM ? &found[count - 1] : &found[level];
        bool there = level == DRAM ? count > 0 && p->memory : level < count && !p->memory;
        if (plan->bytes[level])
            json_boolean(LEVEL_NAME[level], there && plan->bytes[level] >= p->first_bytes &&
                                                (p->memory || plan->bytes[level] <= p->last_bytes));
    }
    json_end('}');
    json_close();
}

/* The curve ends with the first of its sizes that holds 4 x the last-level cache, or where it is told to. */
static void run_curve(const struct plan *plan) {
    struct window windows[CURVE_POINTS][MAX_WINDOWS];
    struct point curve[CURVE_POINTS];
    char reason[256], name[LONGEST_NAME];
    double tick = timer_tick_seconds(), told = now_seconds();
    bool no_pages = no_such_pages(plan->pages, reason);
    int points = 0;
    while (!no_pages && points < CURVE_POINTS && (points == 0 || curve_bytes(points - 1) < plan->bytes[DRAM]) &&
           curve_bytes(points) <= plan->most_bytes && !beyond_memory(plan, curve_bytes(points), reason))
        points++;
    if (points < CURVE_POINTS && curve_bytes(points) > plan->most_bytes)
        snprintf(reason, sizeof reason, "beyond the %" PRIu64 " bytes of --up-to", plan->most_bytes);
    if (points && curve_bytes(points - 1) >= plan->bytes[DRAM])
        snprintf(reason, sizeof reason, "beyond 4 x the last-level cache (%.1f MB) and %.1f MB",
                 1e-6 * (double)plan->llc_bytes, 1e-6 * (double)plan->floor_bytes);
    for (int i = points; i < CURVE_POINTS; i++) {
        curve_metric(name, plan, curve_bytes(i));
        report_declined(name, reason);
    }
    if (!points) return;
    uint64_t most = curve_bytes(points - 1);
    char *memory = memory_for_rings(plan, most);
    for (int i = 0; i < points; i++) {
        measure_ring(plan, memory, most, curve_bytes(i), windows[i]);
        curve[i] = (struct point){curve_bytes(i), HUGE_VAL};
        for (int k = 0; k < plan->windows; k++) curve[i].ns = fmin(curve[i].ns, nanoseconds(&windows[i][k]));
        if (now_seconds() - told < 5.0) continue;
        told = now_seconds();
        report_progress(i + 1, points);
    }
    for (int i = 0; i < points; i++) {
        curve_metric(name, plan, curve[i].bytes);
        for (int k = 0; k < plan->windows; k++)
            report_window(name, nanoseconds(&windows[i][k]), &windows[i][k], curve[i].bytes);
    }
    snprintf(name, sizeof name, "plateaus.%s", page_name(plan));
    report_plateaus(name, curve, points);
    report_sizes(plan, curve, points);
    check_rings(plan, memory, most, tick);
    double ratio = curve[points - 1].ns / curve[0].ns;
    if (most >= plan->bytes[DRAM]) check(plan, "random", ratio >= LEAST_RATIO, ratio, LEAST_RATIO);
}

#endif
