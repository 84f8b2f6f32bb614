/*
 * Effective sizes of the caches from the latencies of a curve of rising sizes: what a guest really gets, whatever
 * sysfs says. No noise model and no randomness: the same curve gives the same answer. Included by cache.c only.
 */
#ifndef BENCHTUI_CACHE_PLATEAUS_H
#define BENCHTUI_CACHE_PLATEAUS_H

#include "../common/common.h"

enum { MAX_POINTS = 64, MAX_PLATEAUS = 8, LEAST_POINTS = 3, MIDDLE = 1 };
static const double FLAT = 1.30;   /* the first points of a plateau differ by less than this */
static const double KNEE = 1.50;   /* it ends where latency exceeds the middle one of those by this */
static const double MEMORY = 0.60; /* memory begins at this part of the last size's latency but one */

struct point {
    uint64_t bytes;
    double ns;
};

struct plateau {
    uint64_t first_bytes, last_bytes; /* smallest and largest size on it */
    double ns;                        /* the middle one of its first points */
    bool memory;
};

/*
 * A disturbance only ever makes a point slower, and a larger ring is never faster: so each point is lowered to the
 * least of those after it. Then from small to large: a plateau begins at the first size from which LEAST_POINTS points
 * lie within FLAT, and holds all that follow up to KNEE above the middle one of them. The climb between two belongs to
 * neither. Memory is one plateau whatever it looks like: with small pages its latency goes on rising with the tables
 * that translate addresses.
 */
static int find_plateaus(const struct point *curve, int points, struct plateau found[MAX_PLATEAUS]) {
    double ns[MAX_POINTS];
    int count = 0;
    for (int i = points - 1; i >= 0; i--) ns[i] = i + 1 < points && ns[i + 1] < curve[i].ns ? ns[i + 1] : curve[i].ns;
    double memory = MEMORY * ns[points - 2]; /* nothing lies after the last that could lower it */
    int i = 0;
    while (i + LEAST_POINTS <= points && ns[i] < memory && count < MAX_PLATEAUS - 1) {
        if (ns[i + LEAST_POINTS - 1] > FLAT * ns[i]) {
            i++;
            continue;
        }
        double beginning = ns[i + MIDDLE];
        int last = i + LEAST_POINTS - 1;
        while (last + 1 < points && ns[last + 1] <= KNEE * beginning && ns[last + 1] < memory) last++;
        found[count++] = (struct plateau){curve[i].bytes, curve[last].bytes, beginning, false};
        i = last + 1;
    }
    while (i < points && ns[i] < memory) i++;
    if (i < points) found[count++] = (struct plateau){curve[i].bytes, curve[points - 1].bytes, ns[points - 1], true};
    return count;
}

/* The plateaus by name: those before memory are the caches in their order. */
static void report_plateaus(const char *fact, const struct point *curve, int points) {
    static const char *const BETWEEN[] = {"l2", "l3", "l4", "l5", "l6", "l7"};
    struct plateau found[MAX_PLATEAUS];
    int count = find_plateaus(curve, points, found);
    json_open();
    json_string("fact", fact);
    json_begin("value", '{');
    for (int i = 0; i < count; i++) {
        json_begin(found[i].memory ? "dram" : i == 0 ? "l1" : BETWEEN[i - 1], '{');
        json_integer("from_bytes", (int64_t)found[i].first_bytes);
        if (!found[i].memory) json_integer("effective_bytes", (int64_t)found[i].last_bytes);
        json_real("ns", found[i].ns);
        json_end('}');
    }
    json_end('}');
    json_close();
}

/* A recorded curve from standard input, "bytes nanoseconds" a line: for its tests, and for curves of other machines. */
static int plateaus_of_input(void) {
    struct point curve[MAX_POINTS];
    int points = 0;
    while (points < MAX_POINTS && scanf("%" SCNu64 " %lf", &curve[points].bytes, &curve[points].ns) == 2) points++;
    if (!feof(stdin) || points < LEAST_POINTS) {
        fputs("lines of bytes and nanoseconds are needed, at least three\n", stderr);
        return 2;
    }
    report_plateaus("plateaus", curve, points);
    return 0;
}

#endif
