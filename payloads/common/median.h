/*
 * Numbers in order, and the one in the middle.
 */
#ifndef BENCHTUI_MEDIAN_H
#define BENCHTUI_MEDIAN_H

#include "common.h"

/* For qsort over doubles. */
static inline int ascending(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* Of at most MAX_CPUS values, which stay as they are. */
static inline double median(const double *values, int count) {
    double sorted[MAX_CPUS];
    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

#endif
