/*
 * The memory hierarchy of one core, from the inside: load-to-use latency by a random chase through rings of cache lines
 * on huge and on small pages, read bandwidth of each level, and the time a line takes from one core to another.
 * Method, formulas and literature: docs/suites/cache.md.
 *
 *   cache levels|curve --pages 2m|4k [--windows 3] [--window-ms 10] [--floor-bytes 134217728] [--sysfs /sys]
 *   cache curve [the same options] [--up-to BYTES] --order paged   in the order of lat_mem_rd, to be compared with it
 *   cache read|transfer [the same options]
 *   cache plateaus < CURVE            sizes and nanoseconds of a recorded curve; prints its plateaus
 */
#include "latency.h"
#include "read.h"
#include "transfer.h"

static const uint64_t FLOOR_BYTES = 128u << 20; /* memory's size where the caches are small or sysfs is silent */
static const double LEAST_FALL = 1.5;           /* read bandwidth of the first level over that of memory */
enum { L1_READS = 50 };                         /* of which the best is compared with memory */
enum { FIRST_ROUNDS = 8 };                      /* round trips from which the rest are reckoned */

/* ---- read bandwidth ---------------------------------------------------------------------------------------- */

static bool declined_read(const struct plan *plan, int level) {
    char reason[256], name[LONGEST_NAME];
    if (!no_such_pages(plan->pages, reason) && !no_such_level(plan, (enum level)level, reason) &&
        !beyond_memory(plan, plan->bytes[level], reason))
        return false;
    snprintf(name, sizeof name, "read.%s.one", LEVEL_NAME[level]);
    report_declined(name, reason);
    snprintf(name, sizeof name, "read_per_cycle.%s.one", LEVEL_NAME[level]);
    report_declined(name, reason);
    return true;
}

static void report_read(int level, const struct window *window, uint64_t bytes, bool per_cycle) {
    char name[LONGEST_NAME];
    double read = (double)(bytes * window->steps);
    snprintf(name, sizeof name, per_cycle ? "read_per_cycle.%s.one" : "read.%s.one", LEVEL_NAME[level]);
    json_open();
    json_string("sample", name);
    json_real("value", per_cycle ? read / window->seconds / window->hertz : 1e-9 * read / window->seconds);
    json_real("seconds", window->seconds);
    json_integer("bytes", (int64_t)bytes);
    json_integer("passes", (int64_t)window->steps);
    json_integer("vector_bytes", VECTOR_BYTES);
    json_real("clock_hertz", window->hertz);
    json_close();
}

/* Passes over the first `bytes`, timed; `arrived`: they sum up to what was written. */
static struct window timed_read(const uint64_t *words, uint64_t bytes, uint64_t passes, uint64_t expected) {
    double before = clock_hertz(CLOCK_SAMPLES, CLOCK_SAMPLE_SECONDS), start = now_seconds();
    uint64_t sum = sum_of_words(words, bytes, passes);
    double seconds = now_seconds() - start, after = clock_hertz(CLOCK_SAMPLES, CLOCK_SAMPLE_SECONDS);
    return (struct window){seconds, before > after ? before : after, passes, sum == passes * expected};
}

static void run_read(const struct plan *plan) {
    static struct window windows[LEVELS][MAX_WINDOWS];
    double shortest = HUGE_VAL, dram_seconds = HUGE_VAL, tick = timer_tick_seconds();
    uint64_t most = 0, read = 0, right = 0;
    bool measured[LEVELS];
    for (int level = L1; level < LEVELS; level++) {
        measured[level] = !declined_read(plan, level);
        if (measured[level] && plan->bytes[level] > most) most = plan->bytes[level];
    }
    if (!most) return;
    uint64_t *words = (void *)memory_for_rings(plan, most);
    for (int level = L1; level < LEVELS; level++) {
        uint64_t bytes = plan->bytes[level] / BLOCK_BYTES * BLOCK_BYTES, passes = 1;
        if (!measured[level]) continue;
        uint64_t expected = fill(words, bytes / sizeof *words);
        struct window trial = timed_read(words, bytes, passes, expected);
        while (trial.seconds < plan->window_seconds / 4 && passes < MOST_WORK)
            trial = timed_read(words, bytes, passes *= 2, expected);
        passes = (uint64_t)((double)passes * plan->window_seconds / trial.seconds) + 1;
        for (int i = 0; i < plan->windows; i++) {
            windows[level][i] = timed_read(words, bytes, passes, expected);
            /* While it is too short the trial was interrupted, and more passes fit. */
            while (windows[level][i].seconds < plan->window_seconds / 4 && passes < MOST_WORK)
                windows[level][i] = timed_read(words, bytes, passes *= 2, expected);
            if (level == DRAM) dram_seconds = fmin(dram_seconds, windows[level][i].seconds / (double)(bytes * passes));
            if (windows[level][i].seconds < shortest) shortest = windows[level][i].seconds;
            read++;
            right += windows[level][i].arrived;
        }
    }
    for (int level = L1; level < LEVELS; level++)
        for (int i = 0; measured[level] && i < plan->windows; i++)
            for (int per_cycle = 0; per_cycle < 2; per_cycle++)
                report_read(level, &windows[level][i], plan->bytes[level] / BLOCK_BYTES * BLOCK_BYTES, per_cycle);
    check_pages(plan, words, most);
    check(plan, "sum", right == read, (double)right, (double)read);
    check_timer(plan, shortest, tick);
    check_binding(plan);
    if (measured[DRAM]) {
        uint64_t expected = fill(words, GRAIN / sizeof *words), passes = 4096;
        double l1_seconds = HUGE_VAL; /* the best, as for memory: neighbours only ever make it slower */
        for (int i = 0; i < L1_READS; i++)
            l1_seconds = fmin(l1_seconds, timed_read(words, GRAIN, passes, expected).seconds);
        double fall = dram_seconds / (l1_seconds / (double)(GRAIN * passes));
        check_size(plan);
        check(plan, "falling", fall >= LEAST_FALL, fall, LEAST_FALL);
    }
    /* Where every word is 1 the sum counts the words: 8 bytes of each are all that may be charged. */
    uint64_t bytes = most / BLOCK_BYTES * BLOCK_BYTES;
    for (uint64_t i = 0; i < bytes / sizeof *words; i++) words[i] = 1;
    uint64_t ones = sum_of_words(words, bytes, 3);
    check(plan, "bytes", ones * sizeof *words == 3 * bytes, (double)(ones * sizeof *words), (double)(3 * bytes));
}

/* ---- core to core ------------------------------------------------------------------------------------------ */

static void report_transfer(const char *metric, double ns, double seconds, int pairs) {
    json_open();
    json_string("sample", metric);
    json_real("value", ns);
    json_real("seconds", seconds);
    json_integer("pairs", pairs);
    json_close();
}

static void report_pairs(const struct plan *plan, const double *ns, int pairs) {
    json_open();
    json_string("fact", "transfer.pairs");
    json_begin("value", '{');
    json_integer("from_cpu", plan->cpus.cpu[0]);
    json_begin("to_cpu", '[');
    for (int i = 0; i < pairs; i++) json_integer(NULL, plan->cpus.cpu[i + 1]);
    json_end(']');
    json_begin("median_ns", '[');
    for (int i = 0; i < pairs; i++) json_real(NULL, ns[i]);
    json_end(']');
    json_end('}');
    json_close();
}

/* From the first usable CPU to every other one, in rounds: one sample of each metric a round. */
static void run_transfer(const struct plan *plan) {
    static const char *const METRIC[] = {"transfer.median", "transfer.least", "transfer.greatest"};
    static double ns[MAX_CPUS][MAX_WINDOWS], pair[MAX_CPUS];
    static uint64_t rounds[MAX_CPUS];
    double shortest = HUGE_VAL, tick = timer_tick_seconds();
    int pairs = plan->cpus.count - 1;
    uint64_t made = 0, apart = 0, complete = 0;
    for (int k = 0; k < 3; k++) {
        if (pairs < 1) report_declined(METRIC[k], "one CPU");
        else if (pairs == 1 && k > 0) report_declined(METRIC[k], "one pair of CPUs");
    }
    if (pairs < 1) return;
    for (int i = 0; i < plan->windows; i++) {
        double seconds = 0.0;
        for (int other = 0; other < pairs; other++) {
            int there = plan->cpus.cpu[other + 1];
            if (i == 0) {
                struct transfer first = round_trips(plan->cpus.cpu[0], there, FIRST_ROUNDS);
                while (first.seconds < plan->window_seconds / 16)
                    first = round_trips(plan->cpus.cpu[0], there, 4 * first.rounds);
                rounds[other] = (uint64_t)((double)first.rounds * plan->window_seconds / first.seconds) + 1;
            }
            struct transfer t = round_trips(plan->cpus.cpu[0], there, rounds[other]);
            /* As above. */
            while (t.seconds < plan->window_seconds / 4 && rounds[other] < MOST_WORK)
                t = round_trips(plan->cpus.cpu[0], there, rounds[other] *= 2);
            ns[other][i] = one_way_ns(&t);
            seconds += t.seconds;
            if (t.seconds < shortest) shortest = t.seconds;
            made++;
            apart += t.apart;
            complete += t.turns == 2 * t.rounds;
        }
        for (int other = 0; other < pairs; other++) pair[other] = ns[other][i];
        qsort(pair, (size_t)pairs, sizeof *pair, ascending);
        report_transfer(METRIC[0], median(pair, pairs), seconds, pairs);
        if (pairs == 1) continue;
        report_transfer(METRIC[1], pair[0], seconds, pairs);
        report_transfer(METRIC[2], pair[pairs - 1], seconds, pairs);
    }
    for (int other = 0; other < pairs; other++) pair[other] = median(ns[other], plan->windows);
    report_pairs(plan, pair, pairs);
    check(plan, "pair", apart == made, (double)apart, (double)made);
    check(plan, "turns", complete == made, (double)complete, (double)made);
    check_timer(plan, shortest, tick);
}

/* ---- arguments --------------------------------------------------------------------------------------------- */

_Noreturn static void not_understood(const char *option, const char *value) {
    fprintf(stderr, "not understood: %s %s\n", option, value ? value : "");
    exit(2);
}

static double number(const char *option, const char *text, double low, double high) {
    char *end;
    double value = text ? strtod(text, &end) : 0.0;
    if (!text || end == text || *end || !(value >= low && value <= high)) not_understood(option, text);
    return value;
}

static void parse_arguments(int argc, char **argv, struct plan *plan) {
    for (int i = 2; i < argc; i += 2) {
        const char *value = argv[i + 1]; /* argv[argc] is NULL */
        if (value && strcmp(argv[i], "--sysfs") == 0) plan->sysfs = value;
        else if (strcmp(argv[i], "--windows") == 0) plan->windows = (int)number(argv[i], value, 1, MAX_WINDOWS);
        else if (strcmp(argv[i], "--window-ms") == 0) plan->window_seconds = 1e-3 * number(argv[i], value, 0.01, 1e4);
        else if (strcmp(argv[i], "--floor-bytes") == 0) plan->floor_bytes = (uint64_t)number(argv[i], value, 1e5, 1e12);
        else if (strcmp(argv[i], "--up-to") == 0) plan->most_bytes = (uint64_t)number(argv[i], value, GRAIN, 1e12);
        else if (value && strcmp(argv[i], "--pages") == 0 && strcmp(value, "2m") == 0) plan->pages = PAGES_HUGE;
        else if (value && strcmp(argv[i], "--pages") == 0 && strcmp(value, "4k") == 0) plan->pages = PAGES_SMALL;
        else if (value && strcmp(argv[i], "--order") == 0 && strcmp(value, "random") == 0) plan->paged = false;
        else if (value && strcmp(argv[i], "--order") == 0 && strcmp(value, "paged") == 0) plan->paged = true;
        else not_understood(argv[i], value);
    }
}

int main(int argc, char **argv) {
    static struct plan plan = {
        .sysfs = "/sys", .windows = 3, .window_seconds = 10e-3, .floor_bytes = FLOOR_BYTES, .most_bytes = UINT64_MAX,
        .pages = PAGES_HUGE};
    static char suffix[LONGEST_NAME];
    const char *run = argc > 1 ? argv[1] : "";
    if (strcmp(run, "plateaus") == 0) return plateaus_of_input();
    parse_arguments(argc, argv, &plan);
    if (strcmp(run, "levels") == 0) snprintf(suffix, sizeof suffix, "%s", page_name(&plan));
    else if (strcmp(run, "curve") == 0) snprintf(suffix, sizeof suffix, "%s.%s", curve_name(&plan), page_name(&plan));
    else snprintf(suffix, sizeof suffix, "%s", run);
    if (plan.paged && strcmp(run, "curve") != 0) not_understood("--order", "paged");
    plan.suffix = suffix;
    usable_cpus(&plan.cpus);
    plan.memory_bytes = usable_memory_bytes(&plan.memory_source);
    decide_sizes(&plan);
    if (!pin_thread(plan.cpus.cpu[0])) die("sched_setaffinity");

    void (*measure)(const struct plan *) = strcmp(run, "levels") == 0     ? run_levels
                                           : strcmp(run, "curve") == 0    ? run_curve
                                           : strcmp(run, "read") == 0     ? run_read
                                           : strcmp(run, "transfer") == 0 ? run_transfer
                                                                          : NULL;
    if (!measure) not_understood(run, "(levels, curve, read, transfer or plateaus is needed)");
    report_plan(&plan);
    measure(&plan);
    return 0;
}
