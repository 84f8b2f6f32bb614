/*
 * Sizes from what sysfs claims of the caches of one CPU, and the shape of what every run of the suite reports.
 * Included by cache.c only.
 */
#ifndef BENCHTUI_CACHE_PLAN_H
#define BENCHTUI_CACHE_PLAN_H

#include "../common/median.h"

enum { LEVELS = 4, LONGEST_NAME = 80, MAX_WINDOWS = 32 };
enum level { L1, L2, L3, DRAM };
static const char *const LEVEL_NAME[LEVELS] = {"l1", "l2", "l3", "dram"};

static const uint64_t LLC_FACTOR = 4;                /* memory begins at 4 x the last-level cache */
static const uint64_t MEMORY_NUMERATOR = 3, MEMORY_DENOMINATOR = 4; /* of usable memory, at most */
static const uint64_t GRAIN = 4096;                  /* sizes are multiples of it; every first-level cache holds it */
static const double SHORTEST_SECONDS = 5e-3;         /* a sample is at least this long */
static const double TICKS_PER_SAMPLE = 1000.0;       /* or so many times the clock's tick */
static const double LEAST_TICKS = 100.0; /* and never fewer */

struct plan {
    const char *sysfs, *suffix;     /* what the run's checks are called after their name */
    struct cpu_list cpus;           /* usable ones; the first is measured on */
    uint64_t claimed[DRAM], llc_bytes, line_bytes; /* claims of sysfs for that CPU; 0 = none */
    uint64_t bytes[LEVELS];         /* measured at; 0 = no such cache */
    uint64_t floor_bytes, memory_bytes;
    uint64_t most_bytes;            /* the curve ends there */
    const char *memory_source;
    enum pages pages;
    bool paged;                     /* lat_mem_rd's order, in figures that are called after it and are no metric */
    double window_seconds;
    int windows;
};

static uint64_t sysfs_cache(const struct plan *plan, int level, const char *field) {
    char name[PATH_BYTES], text[TEXT_BYTES];
    for (int index = 0; index < 16; index++) {
        snprintf(name, sizeof name, "cache/index%d/level", index);
        if (!cpu_file(plan->sysfs, plan->cpus.cpu[0], name, text)) return 0;
        if (atoi(text) != level) continue;
        snprintf(name, sizeof name, "cache/index%d/type", index);
        if (cpu_file(plan->sysfs, plan->cpus.cpu[0], name, text) && strcmp(text, "Instruction") == 0) continue;
        snprintf(name, sizeof name, "cache/index%d/%s", index, field);
        return cpu_file(plan->sysfs, plan->cpus.cpu[0], name, text) ? parse_bytes(text) : 0;
    }
    return 0;
}

/* Half of the first cache; for the others the geometric mean with the one before, which is far from both edges, and no
   more than 4 x the one before, for a guest gets a small part of a last level that it is told it has. Memory: 4 x the
   last cache, and no less than the floor. */
static void decide_sizes(struct plan *plan) {
    for (int level = L1; level < DRAM; level++) {
        plan->claimed[level] = sysfs_cache(plan, level + 1, "size");
        if (plan->claimed[level] > plan->llc_bytes) plan->llc_bytes = plan->claimed[level];
        uint64_t before = level == L1 ? plan->claimed[L1] / 4 : plan->claimed[level - 1];
        uint64_t mean = (uint64_t)sqrt((double)before * (double)plan->claimed[level]);
        plan->bytes[level] = (level == L1 || mean < 4 * before ? mean : 4 * before) / GRAIN * GRAIN;
    }
    uint64_t line = sysfs_cache(plan, 1, "coherency_line_size");
    plan->line_bytes = line >= 32 && line <= 256 ? line : 64;
    uint64_t rule = LLC_FACTOR * plan->llc_bytes, huge = huge_page_bytes();
    plan->bytes[DRAM] = ((rule > plan->floor_bytes ? rule : plan->floor_bytes) + huge - 1) / huge * huge;
}

static uint64_t memory_allowed(const struct plan *plan) {
    return plan->memory_bytes / MEMORY_DENOMINATOR * MEMORY_NUMERATOR;
}

/* Why a size cannot be measured; false when it can. */
static bool beyond_memory(const struct plan *plan, uint64_t bytes, char reason[256]) {
    if (bytes <= memory_allowed(plan)) return false;
    snprintf(reason, 256, "%.0f MB are more than three quarters of %.0f MB of memory", 1e-6 * (double)bytes,
             1e-6 * (double)plan->memory_bytes);
    return true;
}

static bool no_such_level(const struct plan *plan, enum level level, char reason[256]) {
    if (plan->bytes[level]) return false;
    snprintf(reason, 256, "sysfs tells of no data cache of level %d", (int)level + 1);
    return true;
}

/* Why these pages cannot be had; false when they can be asked for. */
static bool no_such_pages(enum pages pages, char reason[256]) {
    char text[TEXT_BYTES];
    const char *file = "/sys/kernel/mm/transparent_hugepage/enabled";
    uint64_t huge = UINT64_MAX;
    lower_to_file("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", &huge);
    if (pages == PAGES_SMALL && sysconf(_SC_PAGESIZE) != 4096)
        snprintf(reason, 256, "this kernel's pages have %ld bytes", sysconf(_SC_PAGESIZE));
    else if (pages == PAGES_HUGE && (!read_text(file, text) || strstr(text, "[never]")))
        snprintf(reason, 256, "the kernel gives no transparent huge pages");
    else if (pages == PAGES_HUGE && huge != 2u << 20)
        snprintf(reason, 256, "this kernel's huge pages have not 2 MiB");
    else return false;
    return true;
}

static void check(const struct plan *plan, const char *what, bool ok, double value, double limit) {
    char name[LONGEST_NAME];
    snprintf(name, sizeof name, "%s.%s", what, plan->suffix);
    report_check(name, ok, value, limit);
}

static void check_size(const struct plan *plan) {
    uint64_t rule = LLC_FACTOR * plan->llc_bytes > plan->floor_bytes ? LLC_FACTOR * plan->llc_bytes : plan->floor_bytes;
    check(plan, "size", plan->bytes[DRAM] >= rule, (double)plan->bytes[DRAM], (double)rule);
}

static void check_timer(const struct plan *plan, double shortest, double tick) {
    double ticks = TICKS_PER_SAMPLE * tick, limit = ticks < SHORTEST_SECONDS ? ticks : SHORTEST_SECONDS;
    limit = fmax(limit, LEAST_TICKS * tick);
    check(plan, "timer", shortest >= limit, shortest, limit);
}

static void check_binding(const struct plan *plan) {
    struct cpu_list allowed;
    usable_cpus(&allowed);
    int here = sched_getcpu();
    check(plan, "binding", allowed.count == 1 && here == plan->cpus.cpu[0], here, plan->cpus.cpu[0]);
}

/* Are the pages those asked for? Huge: at least 95 in 100 bytes; small: not one huge page. */
static void check_pages(const struct plan *plan, const void *memory, uint64_t bytes) {
    double huge = (double)huge_bytes_observed(memory, bytes) / (double)bytes;
    bool wanted = plan->pages == PAGES_HUGE;
    check(plan, "pages", wanted ? huge >= 0.95 : huge == 0.0, huge, wanted ? 0.95 : 0.0);
}

static void report_plan(const struct plan *plan) {
    char name[LONGEST_NAME];
    snprintf(name, sizeof name, "run.%s", plan->suffix);
    json_open();
    json_string("fact", name);
    json_begin("value", '{');
    json_integer("cpu", plan->cpus.cpu[0]);
    json_integer("line_bytes", (int64_t)plan->line_bytes);
    for (int level = L1; level < DRAM; level++) {
        snprintf(name, sizeof name, "claimed_%s_bytes", LEVEL_NAME[level]);
        json_integer(name, (int64_t)plan->claimed[level]);
    }
    for (int level = L1; level < LEVELS; level++) {
        snprintf(name, sizeof name, "%s_bytes", LEVEL_NAME[level]);
        json_integer(name, (int64_t)plan->bytes[level]);
    }
    json_string("pages", plan->pages == PAGES_HUGE ? "huge, asked for by madvise" : "small, huge forbidden by madvise");
    json_string("order", plan->paged ? "page by page" : "one random cycle");
    json_integer("page_bytes", sysconf(_SC_PAGESIZE));
    json_integer("memory_bytes", (int64_t)plan->memory_bytes);
    json_string("memory_source", plan->memory_source);
    json_real("window_seconds", plan->window_seconds);
    json_integer("windows", plan->windows);
    json_string("compiler", COMPILER);
    json_end('}');
    json_close();
}

#endif
