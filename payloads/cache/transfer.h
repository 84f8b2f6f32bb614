/*
 * How long a cache line takes from one core to another: two threads on two CPUs take turns at writing one word that
 * the other waits for. A round trip is two transfers. Included by cache.c only.
 */
#ifndef BENCHTUI_CACHE_TRANSFER_H
#define BENCHTUI_CACHE_TRANSFER_H

#include <pthread.h>

#include "../common/common.h"

enum { APART = 256 }; /* bytes: two lines that a prefetcher may fetch together, of 128 bytes where lines are so long */

struct table {
    char before[APART];
    uint64_t turn; /* even: the first's; odd: the second's */
    char between[APART];
    uint64_t rounds;
    int cpu, answered_on;
    bool bound;
    char after[APART];
};

static void *answer(void *given) {
    struct table *table = given;
    table->bound = pin_thread(table->cpu);
    table->answered_on = sched_getcpu();
    for (uint64_t i = 0; i < table->rounds; i++) {
        while (__atomic_load_n(&table->turn, __ATOMIC_ACQUIRE) != 2 * i + 1) continue;
        __atomic_store_n(&table->turn, 2 * i + 2, __ATOMIC_RELEASE);
    }
    return NULL;
}

struct transfer {
    double seconds; /* of all rounds */
    uint64_t rounds, turns;
    bool apart; /* on two CPUs, those asked for, at the end of the rounds */
};

/* `rounds` round trips between this thread, which is bound to `here`, and one bound to `there`. */
static struct transfer round_trips(int here, int there, uint64_t rounds) {
    static struct table table;
    pthread_t other;
    table.turn = 0;
    table.rounds = rounds + 1;
    table.cpu = there;
    if (pthread_create(&other, NULL, answer, &table) != 0) die("pthread_create");
    double start = 0.0;
    for (uint64_t i = 0; i <= rounds; i++) {
        if (i == 1) start = now_seconds(); /* the first one waited for the thread to begin */
        __atomic_store_n(&table.turn, 2 * i + 1, __ATOMIC_RELEASE);
        while (__atomic_load_n(&table.turn, __ATOMIC_ACQUIRE) != 2 * i + 2) continue;
    }
    double seconds = now_seconds() - start;
    int here_now = sched_getcpu();
    pthread_join(other, NULL);
    bool apart = table.bound && here_now == here && table.answered_on == there && here != there;
    return (struct transfer){seconds, rounds, table.turn - 2, apart};
}

static double one_way_ns(const struct transfer *t) { return 1e9 * t->seconds / (double)(2 * t->rounds); }

#endif
