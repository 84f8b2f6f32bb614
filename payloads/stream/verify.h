/*
 * What must be true before a rate of stream.c is believed. Included by stream.c only.
 */
#ifndef BENCHTUI_STREAM_VERIFY_H
#define BENCHTUI_STREAM_VERIFY_H

#include "../common/numa.h"
#include "nt.h"

/* ---- verification ------------------------------------------------------------------------------------------ */

/* Mean relative error of a, b and c over all elements against the closed form after `repetitions` rounds. */
static void mean_errors(const struct arrays *v, int threads, int repetitions, double error[3]) {
    double a = 1.0, b = 2.0, c = 0.0;
    for (int k = 0; k < repetitions; k++) {
        c = a;
        b = SCALAR * c;
        c = a + b;
        a = b + SCALAR * c;
    }
#pragma omp parallel num_threads(threads)
    {
        struct range r = range_of(v->n, omp_get_thread_num(), omp_get_num_threads());
        double sum[3] = {0.0, 0.0, 0.0};
        for (size_t i = r.low; i < r.high; i++) {
            sum[0] += fabs(v->a[i] - a);
            sum[1] += fabs(v->b[i] - b);
            sum[2] += fabs(v->c[i] - c);
        }
        for (int k = 0; k < 3; k++) shares[omp_get_thread_num()].error[k] = sum[k];
    }
    const double expected[3] = {a, b, c};
    for (int k = 0; k < 3; k++) {
        double sum = 0.0;
        for (int t = 0; t < threads; t++) sum += shares[t].error[k];
        error[k] = sum / (double)v->n / fabs(expected[k]);
    }
}

/* Written so that a NaN fails. */
static bool within_epsilon(double error) { return error < EPSILON; }

/* ---- bytes ------------------------------------------------------------------------------------------------- */

/*
 * Bytes per element that a kernel is to be charged with, found by watching it: an array is written if its elements
 * change, and read if other elements in it change what is written.
 */
static int bytes_observed(kernel_function kernel) {
    enum { FEW = 64 };
    static double memory[3][FEW] __attribute__((aligned(64))), plain[3][FEW];
    struct arrays v = {.a = memory[0], .b = memory[1], .c = memory[2], .n = FEW};
    int bytes = 0;
    for (int changed = -1; changed < 3; changed++) {
        double before[3][FEW];
        for (int k = 0; k < 3; k++)
            for (int i = 0; i < FEW; i++) before[k][i] = memory[k][i] = 5.0 * k + i + (k == changed ? 0.25 : 0.0);
        kernel(&v, 0, FEW);
        bool differs = false;
        for (int k = 0; k < 3; k++) {
            if (changed < 0) bytes += memcmp(memory[k], before[k], sizeof before[k]) ? (int)sizeof(double) : 0;
            else if (k != changed) differs = differs || memcmp(memory[k], plain[k], sizeof plain[k]) != 0;
        }
        if (changed < 0) memcpy(plain, memory, sizeof plain);
        bytes += differs ? (int)sizeof(double) : 0;
    }
    return bytes;
}

/* ---- NUMA -------------------------------------------------------------------------------------------------- */

/* Do pages lie on the node of the thread that works on them? Looked up on both sides of the middle of every thread's
   share: at its ends a huge page may belong to a neighbour. */
static bool look_up_pages(const struct arrays *v, int threads) {
    enum { LOOKED_UP = 96 };
    bool told = true;
#pragma omp parallel num_threads(threads) reduction(&& : told)
    {
        void *address[LOOKED_UP];
        int node[LOOKED_UP], here = node_of_this_cpu();
        struct share *mine = &shares[omp_get_thread_num()];
        struct range r = range_of(v->n, omp_get_thread_num(), omp_get_num_threads());
        double *const array[3] = {v->a, v->b, v->c};
        size_t quarter = (r.high - r.low) / 4;
        for (int i = 0; i < LOOKED_UP; i++)
            address[i] = array[i % 3] + r.low + quarter + 2 * quarter * (size_t)i / LOOKED_UP;
        told = nodes_of_pages(LOOKED_UP, address, node);
        for (int i = 0; told && i < LOOKED_UP; i++) {
            mine->pages++;
            mine->local += node[i] == here;
        }
    }
    return told;
}

#endif
