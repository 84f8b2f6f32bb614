/*
 * How many instructions a kernel does per cycle, on a core that changes its clock as it goes. Some lower it while they
 * work on wide vectors, Sapphire Rapids by a sixth, and raise it again within a tenth of a millisecond: a clock that is
 * measured after a batch of milliseconds is then not the batch's. So the kernel is run in slices of 10 µs,
 * with the clock measured between any two of them, and a slice counts if the clock was the same before it and after it.
 * The threads of a team begin each slice together: siblings on one core then share its units for the whole slice.
 * Included by peak.h only.
 */
#ifndef BENCHTUI_MIXED_PRECISION_SLICES_H
#define BENCHTUI_MIXED_PRECISION_SLICES_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "../common/chain.h"
#include "../common/median.h"
#include "fma.h"

enum { ENOUGH_SLICES = 200, LEAST_SLICES = 20, EMULATED_ROUNDS = 3 };
static const double SLICE_SECONDS = 1e-5;
static const double BETWEEN_SECONDS = 4e-6;     /* for the clock */
static const double SAME_CLOCK = 0.005;         /* relatively */
static const double MOST_SLICED_SECONDS = 0.3;  /* where the clock never rests or others are at work */
/* An interruption or a neighbour on the same core only ever makes a slice longer, so nearly the best counts. */
static const double QUANTILE = 0.98;

/* Where a team meets before each round, how many of it have enough, and the number of the round that is no more done. */
struct rounds {
    int threads;
    atomic_int arrived, content, last;
};

struct slicer {
    pthread_t thread;
    const struct kernel *kernel;
    uint64_t iterations; /* of one slice */
    struct rounds *rounds;
    int cpu, most_rounds;
    bool leads;
    int steady;
    double per_cycle[ENOUGH_SLICES];
};

static void meet(struct rounds *rounds, int round) {
    atomic_fetch_add(&rounds->arrived, 1);
    while (atomic_load(&rounds->arrived) < (round + 1) * rounds->threads) continue;
}

static void *slice(void *argument) {
    _Alignas(LARGEST_VECTOR) char operands[2 * LARGEST_VECTOR];
    _Alignas(LARGEST_VECTOR) char accumulators[MOST_ACCUMULATORS * LARGEST_VECTOR] = {0};
    struct slicer *s = argument;
    fill_with_ones(s->kernel, operands);
    pin_thread(s->cpu);
    s->kernel->run(operands, accumulators, s->iterations);
    double before = 0.0, until = now_seconds() + MOST_SLICED_SECONDS;
    for (int round = 0;; round++) {
        bool over = atomic_load(&s->rounds->content) == s->rounds->threads || now_seconds() > until;
        if (s->leads && (over || round == s->most_rounds)) atomic_store(&s->rounds->last, round);
        meet(s->rounds, round);
        if (atomic_load(&s->rounds->last) <= round) return NULL;
        double start = now_seconds();
        s->kernel->run(operands, accumulators, s->iterations);
        double seconds = now_seconds() - start, hertz = clock_hertz(1, BETWEEN_SECONDS);
        if (s->steady < ENOUGH_SLICES && fabs(hertz - before) <= SAME_CLOCK * hertz) {
            double cycles = seconds * 0.5 * (hertz + before);
            s->per_cycle[s->steady++] = (double)s->iterations * s->kernel->accumulators / cycles;
            if (s->steady == ENOUGH_SLICES) atomic_fetch_add(&s->rounds->content, 1);
        }
        before = hertz;
    }
}

/* Instructions per cycle of each CPU's thread; 0 where the clock was never the same twice. */
static void rates_per_cycle(const struct kernel *k, const struct cpu_list *cpus, uint64_t iterations, int most_rounds,
                            double *per_cycle) {
    struct rounds rounds = {.threads = cpus->count, .last = INT_MAX};
    struct slicer *team = calloc((size_t)cpus->count, sizeof *team);
    if (!team) die("memory for the threads");
    for (int t = 0; t < cpus->count; t++) {
        team[t].kernel = k, team[t].iterations = iterations, team[t].rounds = &rounds, team[t].cpu = cpus->cpu[t];
        team[t].most_rounds = most_rounds, team[t].leads = t == 0;
        if (pthread_create(&team[t].thread, NULL, slice, &team[t]) != 0) die("pthread_create");
    }
    for (int t = 0; t < cpus->count; t++) {
        pthread_join(team[t].thread, NULL);
        qsort(team[t].per_cycle, (size_t)team[t].steady, sizeof *team[t].per_cycle, ascending);
        int at = (int)(QUANTILE * team[t].steady);
        per_cycle[t] = team[t].steady < LEAST_SLICES ? 0.0 : team[t].per_cycle[at];
    }
    free(team);
}

#endif
