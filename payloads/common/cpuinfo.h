/*
 * What the CPU says it can do: its flags by the kernel's names, and on aarch64 its implementer and part. From
 * /proc/cpuinfo on x86-64; on aarch64 from the auxiliary vector and MIDR_EL1, which is where OpenBLAS reads them and
 * what an emulator answers too. A file of another machine can be given instead: tests decide about CPUs they lack.
 */
#ifndef BENCHTUI_CPUINFO_H
#define BENCHTUI_CPUINFO_H

#include "common.h"

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

enum { FLAGS_BYTES = 16384 };

struct cpu {
    bool arm;
    unsigned implementer, part; /* aarch64: two fields of MIDR_EL1 */
    char flags[FLAGS_BYTES];    /* " fpu vme … ", a space before and after each */
};

static inline bool cpu_has(const struct cpu *cpu, const char *flag) {
    char word[64];
    int length = snprintf(word, sizeof word, " %s ", flag);
    return length > 0 && length < (int)sizeof word && strstr(cpu->flags, word);
}

/* All of several flags, given as one text with a space between them. The first that is absent goes to `missing`. */
static inline bool cpu_has_all(const struct cpu *cpu, const char *flags, char missing[64]) {
    while (*flags) {
        size_t length = strcspn(flags, " ");
        snprintf(missing, 64, "%.*s", (int)length, flags);
        if (!cpu_has(cpu, missing)) return false;
        flags += length + (flags[length] == ' ');
    }
    *missing = 0;
    return true;
}

/* The first CPU of a file in the form of /proc/cpuinfo, of either architecture. */
static inline bool read_cpuinfo(const char *path, struct cpu *cpu) {
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "r");
    if (!file) return false;
    memset(cpu, 0, sizeof *cpu);
    while (getline(&line, &room, file) > 0) {
        char *value = strchr(line, ':');
        if (!value) {
            if (cpu->flags[0]) break; /* the empty line that ends the first CPU */
            continue;
        }
        line[strcspn(line, "\t:")] = 0;
        value[strcspn(value, "\n")] = 0;
        if (strcmp(line, "flags") == 0 || strcmp(line, "Features") == 0)
            snprintf(cpu->flags, sizeof cpu->flags, " %s ", value + 1 + (value[1] == ' '));
        if (strcmp(line, "CPU implementer") == 0) {
            cpu->arm = true;
            cpu->implementer = (unsigned)strtoul(value + 1, NULL, 0);
        }
        if (strcmp(line, "CPU part") == 0) cpu->part = (unsigned)strtoul(value + 1, NULL, 0);
    }
    free(line);
    fclose(file);
    return cpu->flags[0] != 0;
}

#if defined(__aarch64__)
/* Bits of AT_HWCAP and AT_HWCAP2 under the kernel's names: those that a kernel of ours or of OpenBLAS needs. */
static inline void read_own_cpu(struct cpu *cpu) {
    static const struct {
        bool second;
        int bit;
        const char *name;
    } FLAG[] = {{false, 0, "fp"},      {false, 1, "asimd"},  {false, 9, "fphp"},       {false, 10, "asimdhp"},
                {false, 11, "cpuid"},  {false, 20, "asimddp"}, {false, 22, "sve"},     {false, 23, "asimdfhm"},
                {true, 1, "sve2"},     {true, 9, "svei8mm"}, {true, 12, "svebf16"},    {true, 13, "i8mm"},
                {true, 14, "bf16"}};
    memset(cpu, 0, sizeof *cpu);
    cpu->arm = true;
    strcpy(cpu->flags, " ");
    unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
    for (size_t i = 0; i < sizeof FLAG / sizeof *FLAG; i++)
        if ((FLAG[i].second ? second : first) >> FLAG[i].bit & 1) {
            strcat(cpu->flags, FLAG[i].name);
            strcat(cpu->flags, " ");
        }
    uint64_t midr = 0;
    char text[TEXT_BYTES];
    if (cpu_has(cpu, "cpuid")) __asm__("mrs %0, midr_el1" : "=r"(midr));
    else if (read_text("/sys/devices/system/cpu/cpu0/regs/identification/midr_el1", text))
        midr = strtoull(text, NULL, 16);
    cpu->implementer = (unsigned)(midr >> 24 & 0xff);
    cpu->part = (unsigned)(midr >> 4 & 0xfff);
}
#else
static inline void read_own_cpu(struct cpu *cpu) {
    if (!read_cpuinfo("/proc/cpuinfo", cpu)) die("/proc/cpuinfo");
}
#endif

/* This machine's CPU, or the one that the file `path` describes. */
static inline void identify_cpu(const char *path, struct cpu *cpu) {
    if (!path) read_own_cpu(cpu);
    else if (!read_cpuinfo(path, cpu)) die(path);
}

#endif
