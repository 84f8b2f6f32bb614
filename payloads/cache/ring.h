/*
 * A ring of cache lines, each of which holds the address of the next: the order is one random cycle through all of
 * them, so a load cannot start before the one before it ended, and no prefetcher can guess it. For cache.c only.
 */
#ifndef BENCHTUI_CACHE_RING_H
#define BENCHTUI_CACHE_RING_H

#include "../common/chain.h"

enum { UNROLLED = 16 };
static const uint64_t MOST_WORK = UINT64_C(1) << 40; /* in a window: more takes no time only if it is not done */
static const double CLOCK_SAMPLE_SECONDS = 50e-6;
enum { CLOCK_SAMPLES = 4 }; /* before and after each window */

/* The first two words of a cache line; the rest of it is not read. */
struct line {
    struct line *next;
    uint64_t place; /* how many steps from the first line, as the walk counted them */
};

struct ring {
    char *memory;
    uint64_t line_bytes, lines;
};

static inline struct line *line_at(const struct ring *ring, uint64_t i) {
    return (struct line *)(ring->memory + i * ring->line_bytes);
}

/* xorshift64*, S. Vigna 2016: the same ring in every process, on other physical pages. */
static uint64_t next_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* A number below `limit`, which is far below 2^32: the bias is below limit / 2^32. */
static uint64_t random_below(uint64_t *state, uint64_t limit) { return ((next_random(state) >> 32) * limit) >> 32; }

/* All lines in random order (R. Durstenfeld 1964), the last leading to the first: one cycle, each with its place. The
   order is drawn beside the lines and then written, so that no step waits for the line before it: rings of four times
   a large cache would take longer to make than to measure. */
static void make_random(const struct ring *ring) {
    uint64_t state = 88172645463325252u, lines = ring->lines;
    uint32_t *order = malloc(lines * sizeof *order);
    if (!order || lines > UINT32_MAX) die("memory for an order");
    for (uint64_t i = 0; i < lines; i++) order[i] = (uint32_t)i;
    for (uint64_t i = lines - 1; i > 0; i--) {
        uint64_t k = random_below(&state, i + 1);
        uint32_t other = order[i];
        order[i] = order[k];
        order[k] = other;
    }
    for (uint64_t i = 0; i < lines; i++) {
        struct line *line = line_at(ring, order[i]);
        line->next = line_at(ring, order[i + 1 < lines ? i + 1 : 0]);
        line->place = i;
    }
    free(order);
}

/* `i` with its lowest `bits` in reverse. */
static uint64_t reversed(uint64_t i, int bits) {
    uint64_t found = 0;
    for (int bit = 0; bit < bits; bit++) found |= (i >> bit & 1) << (bits - 1 - bit);
    return found;
}

/* The order of lat_mem_rd (lmbench 3, L. McVoy and C. Staelin), for comparison with that program: each load goes to
   another page, always in the same random order of pages, and on each page to the next of its lines in an order of
   reversed bits. The pages of a ring are drawn from all of the memory, so they are no neighbours: how many of them
   translate without a miss depends on it. The first page is one of them, as rings begin there. */
static void make_paged(const struct ring *ring, uint64_t memory_bytes) {
    uint64_t state = 88172645463325252u, page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t in_page = page_bytes / ring->line_bytes, pages = (ring->lines + in_page - 1) / in_page;
    uint64_t all = (memory_bytes + page_bytes - 1) / page_bytes, *order = malloc(all * sizeof *order);
    if (!order) die("memory for an order");
    int bits = __builtin_ctzll(in_page);
    for (uint64_t i = 0; i < all; i++) order[i] = i;
    for (uint64_t i = all - 1; i > 1; i--) {
        uint64_t k = 1 + random_below(&state, i), other = order[i];
        order[i] = order[k];
        order[k] = other;
    }
    struct line *first = NULL, *last = NULL;
    for (uint64_t round = 0; round < in_page; round++)
        for (uint64_t i = 0; i < pages; i++) {
            uint64_t place = reversed((i + round) % in_page, bits);
            if (i * in_page + place >= ring->lines) continue; /* the last page may be half a one */
            struct line *here = line_at(ring, order[i] * in_page + place);
            if (last) last->next = here;
            else first = here;
            last = here;
        }
    last->next = first;
    free(order);
}

/* The control: the order in which lines lie in memory, which every prefetcher guesses. */
static void make_sequential(const struct ring *ring) {
    for (uint64_t i = 0; i < ring->lines; i++) {
        line_at(ring, i)->next = line_at(ring, (i + 1) % ring->lines);
        line_at(ring, i)->place = i;
    }
}

/* How many of the lines lead to one of them whose place is the next. If all do, the ring is one cycle through all of
   them, whoever made it: from the first line, the places of the next `lines` steps are all different, so they are at
   as many different lines, which are all; and a further step leads to the first one's place, which no other line has.
   Unlike a walk along the ring, no look waits for the one before it. */
static uint64_t lines_in_order(const struct ring *ring) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < ring->lines; i++) {
        const struct line *line = line_at(ring, i);
        uint64_t offset = (uint64_t)((const char *)line->next - ring->memory);
        bool is_line = offset % ring->line_bytes == 0 && offset / ring->line_bytes < ring->lines;
        count += is_line && line->next->place == (line->place + 1) % ring->lines;
    }
    return count;
}

/* The same of a ring whose lines lie anywhere: the length of the cycle that the first one is on, counted line by line;
   each learns its place. */
static uint64_t walk(const struct ring *ring) {
    struct line *first = line_at(ring, 0), *line = first;
    uint64_t count = 0;
    do {
        line->place = count++;
        line = line->next;
    } while (line != first && count <= ring->lines);
    return count;
}

/* `steps`, a multiple of UNROLLED, dependent loads. */
static __attribute__((noinline)) struct line *chase(struct line *line, uint64_t steps) {
    for (uint64_t i = 0; i < steps; i += UNROLLED) {
        line = line->next, line = line->next, line = line->next, line = line->next;
        line = line->next, line = line->next, line = line->next, line = line->next;
        line = line->next, line = line->next, line = line->next, line = line->next;
        line = line->next, line = line->next, line = line->next, line = line->next;
    }
    return line;
}

/* One timed chase. */
struct window {
    double seconds, hertz;
    uint64_t steps;
    bool arrived; /* at the line that lies `steps` further on by the walk's count */
};

static double nanoseconds(const struct window *w) { return 1e9 * w->seconds / (double)w->steps; }
static double cycles(const struct window *w) { return w->hertz * w->seconds / (double)w->steps; }

static struct window timed_chase(const struct ring *ring, struct line **line, uint64_t steps) {
    uint64_t expected = ((*line)->place + steps) % ring->lines;
    double before = clock_hertz(CLOCK_SAMPLES, CLOCK_SAMPLE_SECONDS), start = now_seconds();
    *line = chase(*line, steps);
    double seconds = now_seconds() - start, after = clock_hertz(CLOCK_SAMPLES, CLOCK_SAMPLE_SECONDS);
    return (struct window){seconds, before > after ? before : after, steps, (*line)->place == expected};
}

/* Never whole rounds: a chase that does not run would end where it began. */
static uint64_t no_whole_rounds(const struct ring *ring, uint64_t steps) {
    return steps % ring->lines == 0 ? steps + UNROLLED : steps;
}

/* Steps that take about `seconds`, after a round that only reads, or as much of one as fills the caches. */
static uint64_t steps_of(const struct ring *ring, struct line **line, uint64_t cache_bytes, double seconds) {
    uint64_t round = ring->lines, filled = cache_bytes / ring->line_bytes;
    uint64_t steps = (filled && filled < round ? filled : round) / UNROLLED * UNROLLED + UNROLLED;
    double took;
    for (;; steps *= 2) {
        double start = now_seconds();
        *line = chase(*line, steps);
        took = now_seconds() - start;
        if (took > seconds / 4 || steps > MOST_WORK) break;
    }
    return no_whole_rounds(ring, (uint64_t)((double)steps * seconds / took) / UNROLLED * UNROLLED + UNROLLED);
}

#endif
