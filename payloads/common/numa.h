/*
 * Which NUMA node memory lies on, asked of the kernel by its system calls: no library to install, and the same answer.
 */
#ifndef BENCHTUI_NUMA_H
#define BENCHTUI_NUMA_H

#include <dirent.h>
#include <sys/syscall.h>

#include "common.h"

/* How many nodes have memory; 1 where sysfs does not tell. */
static inline int numa_nodes(const char *sysfs) {
    char path[PATH_BYTES], text[TEXT_BYTES];
    int nodes = 0;
    snprintf(path, sizeof path, "%s/devices/system/node/has_memory", sysfs);
    if (!read_text(path, text)) return 1;
    for (char *at = text, *end; *at; at = *end == ',' ? end + 1 : end) {
        long first = strtol(at, &end, 10), last = first;
        if (end == at) break;
        if (*end == '-') last = strtol(end + 1, &end, 10);
        nodes += (int)(last - first + 1);
    }
    return nodes > 0 ? nodes : 1;
}

/* The node of the CPU that this thread runs on; -1 when the kernel does not tell. */
static inline int node_of_this_cpu(void) {
    unsigned cpu, node;
    return syscall(SYS_getcpu, &cpu, &node, NULL) == 0 ? (int)node : -1;
}

/* The node that the page at each of `count` addresses lies on; a negative error where there is none. false: the kernel
   or a sandbox refuses. */
static inline bool nodes_of_pages(int count, void **address, int *node) {
    return syscall(SYS_move_pages, 0, (unsigned long)count, address, NULL, node, 0) == 0;
}

#endif
