/*
 * What every C payload of benchtui needs and no payload should write twice: a clock, JSON Lines on stdout,
 * the CPUs and caches this process may use, memory of a stated page size, pinning.
 *
 * C11 on Linux, gcc or clang, x86-64 or aarch64. Functions are static: each payload is one translation unit.
 * Build with -fopenmp or without; never with -ffast-math, which makes comparisons with NaN meaningless.
 */
#ifndef BENCHTUI_COMMON_H
#define BENCHTUI_COMMON_H

#ifndef _GNU_SOURCE
#error "compile with -D_GNU_SOURCE: sched_getaffinity, MAP_ANONYMOUS and madvise are needed"
#endif
#ifdef __FAST_MATH__
#error "-ffast-math would let a NaN pass every verification"
#endif

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CPUS = 4096, PATH_BYTES = 512, TEXT_BYTES = 4096 };

#if defined(__clang__)
#define COMPILER "clang " __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

_Noreturn static inline void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

/* ---- clock ------------------------------------------------------------------------------------------------- */

/* Seconds of a clock that never steps. */
static inline double now_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The larger of the clock's smallest step and the cost of reading it, in seconds: nothing shorter than many of
   these can be timed. Typical: 20 to 40 ns through the vDSO, microseconds where it is a system call. */
static inline double timer_tick_seconds(void) {
    enum { STEPS = 64, CALLS = 1000 };
    double step = HUGE_VAL;
    for (int i = 0; i < STEPS; i++) {
        double first = now_seconds(), next;
        do next = now_seconds();
        while (next == first);
        if (next - first < step) step = next - first;
    }
    double start = now_seconds();
    for (int i = 0; i < CALLS; i++) (void)now_seconds();
    double cost = (now_seconds() - start) / CALLS;
    return cost > step ? cost : step;
}

/* ---- JSON Lines on stdout ---------------------------------------------------------------------------------- */

/* One record is json_open(), any number of members, json_close(). A member with a NULL key is an array element. */
static bool json_needs_comma;

static inline void json_text(const char *s) {
    putchar('"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') printf("\\%c", c);
        else if (c < 0x20 || c == 0x7f) printf("\\u%04x", c);
        else putchar(c);
    }
    putchar('"');
}

static inline void json_key(const char *key) {
    if (json_needs_comma) putchar(',');
    json_needs_comma = true;
    if (key) {
        json_text(key);
        putchar(':');
    }
}

static inline void json_string(const char *key, const char *value) {
    json_key(key);
    json_text(value);
}

static inline void json_integer(const char *key, int64_t value) {
    json_key(key);
    printf("%" PRId64, value);
}

static inline void json_boolean(const char *key, bool value) {
    json_key(key);
    fputs(value ? "true" : "false", stdout);
}

/* JSON has no NaN and no infinity: they become null, which no reader takes for a number. */
static inline void json_real(const char *key, double value) {
    json_key(key);
    if (isfinite(value)) printf("%.10g", value);
    else fputs("null", stdout);
}

static inline void json_begin(const char *key, char bracket) {
    json_key(key);
    putchar(bracket);
    json_needs_comma = false;
}

static inline void json_end(char bracket) {
    putchar(bracket);
    json_needs_comma = true;
}

static inline void json_open(void) {
    putchar('{');
    json_needs_comma = false;
}

static inline void json_close(void) {
    puts("}");
    if (fflush(stdout) != 0) die("stdout");
}

static inline void report_check(const char *name, bool ok, double value, double limit) {
    json_open();
    json_string("check", name);
    json_boolean("ok", ok);
    json_real("value", value);
    json_real("limit", limit);
    json_close();
}

static inline void report_declined(const char *metric, const char *reason) {
    json_open();
    json_string("declined", metric);
    json_string("reason", reason);
    json_close();
}

static inline void report_progress(int64_t done, int64_t total) {
    json_open();
    json_begin("progress", '[');
    json_integer(NULL, done);
    json_integer(NULL, total);
    json_end(']');
    json_close();
}

/* ---- small files of the kernel ----------------------------------------------------------------------------- */

/* The text of a file without its last newline; false when it is not there, empty or longer than TEXT_BYTES. */
static inline bool read_text(const char *path, char text[TEXT_BYTES]) {
    FILE *file = fopen(path, "r");
    if (!file) return false;
    size_t length = fread(text, 1, TEXT_BYTES, file);
    fclose(file);
    if (length == 0 || length == TEXT_BYTES) return false;
    text[length] = 0;
    text[strcspn(text, "\n")] = 0;
    return true;
}

/* "32768K", "1024K", "105M" or a plain number of bytes, as sysfs and cgroups write sizes; 0 when it is none. */
static inline uint64_t parse_bytes(const char *text) {
    char *unit;
    errno = 0;
    uint64_t number = strtoull(text, &unit, 10);
    if (errno || unit == text) return 0;
    if (*unit == 'K') return number << 10;
    if (*unit == 'M') return number << 20;
    if (*unit == 'G') return number << 30;
    return *unit ? 0 : number;
}

/* ---- CPUs, cores, last-level caches ------------------------------------------------------------------------ */

struct cpu_list {
    int count;
    int cpu[MAX_CPUS];
};

/* The CPUs this process may run on: an instance may be pinned to a part of its machine. */
static inline void usable_cpus(struct cpu_list *list) {
    cpu_set_t *set = CPU_ALLOC(MAX_CPUS);
    size_t bytes = CPU_ALLOC_SIZE(MAX_CPUS);
    if (!set || sched_getaffinity(0, bytes, set) != 0) die("sched_getaffinity");
    list->count = 0;
    for (int cpu = 0; cpu < MAX_CPUS; cpu++)
        if (CPU_ISSET_S((size_t)cpu, bytes, set)) list->cpu[list->count++] = cpu;
    CPU_FREE(set);
}

static inline bool cpu_file(const char *sysfs, int cpu, const char *name, char text[TEXT_BYTES]) {
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s/devices/system/cpu/cpu%d/%s", sysfs, cpu, name);
    return length > 0 && length < PATH_BYTES && read_text(path, text);
}

/* The first number of a CPU list such as "0,96" or "0-7": it names a group of CPUs, as groups never overlap. */
static inline int first_of_group(const char *cpu_list_text) { return (int)strtol(cpu_list_text, NULL, 10); }

/* CPUs as the kernel writes lists of them: "0-3,8". */
static inline void json_cpus(const char *key, const struct cpu_list *list) {
    json_key(key);
    putchar('"');
    for (int i = 0; i < list->count; i++) {
        int first = i;
        while (i + 1 < list->count && list->cpu[i + 1] == list->cpu[i] + 1) i++;
        printf(first ? ",%d" : "%d", list->cpu[first]);
        if (i > first) printf("-%d", list->cpu[i]);
    }
    putchar('"');
}

/* One CPU of each physical core among `all`: the lowest usable sibling. A core without topology counts alone. */
static inline void one_cpu_per_core(const char *sysfs, const struct cpu_list *all, struct cpu_list *cores) {
    static bool taken[MAX_CPUS];
    char text[TEXT_BYTES];
    memset(taken, 0, sizeof taken);
    cores->count = 0;
    for (int i = 0; i < all->count; i++) {
        int group = all->cpu[i];
        if (cpu_file(sysfs, all->cpu[i], "topology/core_cpus_list", text) ||
            cpu_file(sysfs, all->cpu[i], "topology/thread_siblings_list", text))
            group = first_of_group(text);
        if (group < 0 || group >= MAX_CPUS || taken[group]) continue;
        taken[group] = true;
        cores->cpu[cores->count++] = all->cpu[i];
    }
}

struct llc {
    uint64_t bytes; /* sum over the distinct last-level caches that intersect the usable CPUs */
    int groups;     /* how many distinct ones; 0 = not known from sysfs */
    int level;      /* the highest level seen */
};

/* Last-level data caches this process can use. Guests are often told more than they get: treat it as a claim. */
static inline struct llc last_level_caches(const char *sysfs, const struct cpu_list *all) {
    static bool taken[MAX_CPUS];
    char name[PATH_BYTES], text[TEXT_BYTES];
    struct llc sum = {0, 0, 0};
    memset(taken, 0, sizeof taken);
    for (int i = 0; i < all->count; i++) {
        int level = 0, group = -1;
        uint64_t bytes = 0;
        for (int index = 0; index < 16; index++) {
            snprintf(name, sizeof name, "cache/index%d/level", index);
            if (!cpu_file(sysfs, all->cpu[i], name, text)) break;
            int this_level = atoi(text);
            snprintf(name, sizeof name, "cache/index%d/type", index);
            if (cpu_file(sysfs, all->cpu[i], name, text) && strcmp(text, "Instruction") == 0) continue;
            snprintf(name, sizeof name, "cache/index%d/size", index);
            uint64_t size = cpu_file(sysfs, all->cpu[i], name, text) ? parse_bytes(text) : 0;
            if (this_level <= level || size == 0) continue;
            snprintf(name, sizeof name, "cache/index%d/shared_cpu_list", index);
            level = this_level;
            bytes = size;
            group = cpu_file(sysfs, all->cpu[i], name, text) ? first_of_group(text) : all->cpu[i];
        }
        if (group < 0 || group >= MAX_CPUS || taken[group]) continue;
        taken[group] = true;
        sum.bytes += bytes;
        sum.groups++;
        if (level > sum.level) sum.level = level;
    }
    return sum;
}

/* Binds the calling thread to one CPU. */
static inline bool pin_thread(int cpu) {
    cpu_set_t *set = CPU_ALLOC(MAX_CPUS);
    size_t bytes = CPU_ALLOC_SIZE(MAX_CPUS);
    if (!set) return false;
    CPU_ZERO_S(bytes, set);
    CPU_SET_S((size_t)cpu, bytes, set);
    bool ok = sched_setaffinity(0, bytes, set) == 0;
    CPU_FREE(set);
    return ok;
}

/* ---- memory ------------------------------------------------------------------------------------------------ */

static inline void lower_to_file(const char *path, uint64_t *limit) {
    char text[TEXT_BYTES];
    if (!read_text(path, text)) return;
    uint64_t bytes = parse_bytes(text); /* "max" parses to 0 = no limit */
    if (bytes > 0 && bytes < *limit) *limit = bytes;
}

/* Lowers `limit` to the smallest memory limit of this process's control groups and of their parents (v2 and v1). */
static inline void lower_to_cgroup_limit(uint64_t *limit) {
    char line[PATH_BYTES], path[2 * PATH_BYTES];
    FILE *groups = fopen("/proc/self/cgroup", "r");
    if (!groups) return;
    while (fgets(line, sizeof line, groups)) {
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *group++ = 0;
        controllers++;
        bool v2 = *controllers == 0;
        if (!v2 && strcmp(controllers, "memory") != 0) continue;
        for (;;) {
            snprintf(path, sizeof path, "/sys/fs/cgroup%s%s/%s", v2 ? "" : "/memory", group,
                     v2 ? "memory.max" : "memory.limit_in_bytes");
            lower_to_file(path, limit);
            char *slash = strrchr(group, '/');
            if (!slash || *group == 0) break;
            *slash = 0;
        }
    }
    fclose(groups);
}

/* Bytes this process may use and where that was read: BENCHTUI_MEMORY_BYTES, else the smaller of MemAvailable and
   the control groups' limits; 0 when nothing tells. */
static inline uint64_t usable_memory_bytes(const char **source) {
    const char *given = getenv("BENCHTUI_MEMORY_BYTES");
    if (given && *given) {
        *source = "BENCHTUI_MEMORY_BYTES";
        return (uint64_t)strtod(given, NULL);
    }
    uint64_t kib = 0;
    char line[PATH_BYTES];
    FILE *meminfo = fopen("/proc/meminfo", "r");
    while (meminfo && fgets(line, sizeof line, meminfo))
        if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1) break;
    if (meminfo) fclose(meminfo);
    uint64_t available = kib << 10, limit = available;
    lower_to_cgroup_limit(&limit);
    *source = limit < available ? "cgroup limit" : "MemAvailable";
    return limit;
}

enum pages { PAGES_SMALL, PAGES_HUGE };

/* Size of a transparent huge page, 2 MiB where the kernel does not tell or it is too large to be of use (512 MiB on
   aarch64 kernels with 64 KiB pages). */
static inline uint64_t huge_page_bytes(void) {
    uint64_t bytes = UINT64_MAX;
    lower_to_file("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", &bytes);
    return bytes <= (32u << 20) ? bytes : 2u << 20;
}

/* `bytes` up to whole huge pages: what ends inside of one would never be on it. */
static inline uint64_t whole_pages(uint64_t bytes) {
    uint64_t page = huge_page_bytes();
    return (bytes + page - 1) / page * page;
}

/* Untouched memory, aligned to a huge page, whose page size does not depend on the host's default: PAGES_HUGE asks
   for transparent huge pages by madvise, PAGES_SMALL forbids them. What came of it: huge_bytes_observed(). The first
   thread to write a page decides its NUMA node. NULL when the address space or the kernel refuses. */
static inline void *allocate_pages(uint64_t bytes, enum pages pages) {
    uint64_t align = huge_page_bytes();
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    char *start = mmap(NULL, bytes + align, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (start == MAP_FAILED) return NULL;
    char *aligned = (char *)(((uintptr_t)start + align - 1) / align * align);
    uint64_t before = (uint64_t)(aligned - start);
    if (before) munmap(start, before);
    if (align - before) munmap(aligned + bytes, align - before);
    /* A kernel without transparent huge pages answers EINVAL; the observed figure then says 0. */
    (void)madvise(aligned, bytes, pages == PAGES_HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return aligned;
}

/* Bytes of [start, start + bytes) that huge pages back, as the kernel tells (AnonHugePages in smaps). */
static inline uint64_t huge_bytes_observed(const void *start, uint64_t bytes) {
    uintptr_t low, high, first = (uintptr_t)start, end = first + bytes;
    uint64_t kib, sum = 0;
    bool inside = false;
    char line[PATH_BYTES];
    FILE *smaps = fopen("/proc/self/smaps", "r");
    while (smaps && fgets(line, sizeof line, smaps)) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &low, &high) == 2) inside = low < end && high > first;
        else if (inside && sscanf(line, "AnonHugePages: %" SCNu64, &kib) == 1) sum += kib << 10;
    }
    if (smaps) fclose(smaps);
    return sum < bytes ? sum : bytes;
}

#endif
