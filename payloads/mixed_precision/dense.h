/*
 * Dense linear algebra in two precisions by the distribution's OpenBLAS: matrix products, and a linear system solved
 * in double and by iterative refinement from single. Included by mixed_precision.c only.
 */
#ifndef BENCHTUI_MIXED_PRECISION_DENSE_H
#define BENCHTUI_MIXED_PRECISION_DENSE_H

#include <float.h>

#include "../common/openblas.h"
#include "../common/random.h"

enum { COLUMN_MAJOR = 102, NOT_TRANSPOSED = 111 };

extern void cblas_dgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, double alpha, const double *a,
                        int lda, const double *b, int ldb, double beta, double *c, int ldc);
extern void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                        int lda, const float *b, int ldb, float beta, float *c, int ldc);
extern void dgesv_(const int *n, const int *nrhs, double *a, const int *lda, int *pivots, double *b, const int *ldb,
                   int *info);
extern void dsgesv_(const int *n, const int *nrhs, double *a, const int *lda, int *pivots, const double *b,
                    const int *ldb, double *x, const int *ldx, double *work, float *single_work, int *iterations,
                    int *info);

static const double DENSE_SECONDS = 0.02; /* a sample is at least this long */
/* ||Ax - b|| / (eps (||A|| ||x|| + ||b||) n) as HPL has it. HPL asks for 16; what is right lies below 0.01. */
static const double RESIDUAL_LIMIT = 0.05;
static const double DEVIATIONS = 8.0; /* lambda of Higham and Mary's bound: it fails with probability 2 exp(-32) */

struct dense_plan {
    const char *run;
    int threads, samples;
    double shortest, busiest; /* seen: seconds of a sample, CPU seconds per wall second */
    int blind;                /* comparisons that accepted a result made wrong on purpose */
};

/* Seconds and calls that make up one sample. */
struct stopwatch {
    double seconds, cpu_seconds, begun, begun_cpu;
    int calls;
};

static void start(struct stopwatch *s) {
    s->begun_cpu = process_cpu_seconds();
    s->begun = now_seconds();
}

static void stop(struct stopwatch *s) {
    s->seconds += now_seconds() - s->begun;
    s->cpu_seconds += process_cpu_seconds() - s->begun_cpu;
    s->calls++;
}

static void open_sample(struct dense_plan *plan, const char *what, int n, const struct stopwatch *s, double value) {
    char name[64];
    snprintf(name, sizeof name, "%s.%d.%s", what, n, plan->run);
    json_open();
    json_string("sample", name);
    json_real("value", value);
    json_real("seconds", s->seconds);
    json_integer("calls", s->calls);
    json_integer("n", n);
    json_real("cpu_per_wall", s->cpu_seconds / s->seconds);
    if (s->seconds < plan->shortest) plan->shortest = s->seconds;
    if (s->cpu_seconds / s->seconds > plan->busiest) plan->busiest = s->cpu_seconds / s->seconds;
}

static void *room(size_t count, size_t size) {
    void *memory = allocate_pages((count * size + huge_page_bytes() - 1) / huge_page_bytes() * huge_page_bytes(),
                                  PAGES_HUGE);
    if (!memory) die("memory for a matrix");
    return memory;
}

static void give_back(void *memory, size_t count, size_t size) {
    munmap(memory, (count * size + huge_page_bytes() - 1) / huge_page_bytes() * huge_page_bytes());
}

/* ---- matrix products --------------------------------------------------------------------------------------- */

/* A matrix in one of the two precisions. */
struct matrix {
    bool is_single;
    int n;
    void *data;
};

static double at(const struct matrix *m, size_t row, size_t column) {
    size_t i = column * (size_t)m->n + row;
    return m->is_single ? (double)((const float *)m->data)[i] : ((const double *)m->data)[i];
}

/* Elements between 0 and 1, so that no product is hidden by another of opposite sign. */
static struct matrix matrix(bool is_single, int n, uint64_t seed) {
    size_t elements = (size_t)n * (size_t)n;
    struct matrix m = {is_single, n, room(elements, is_single ? sizeof(float) : sizeof(double))};
    for (size_t i = 0; seed && i < elements; i++) {
        double value = uniform((seed << 40) + i);
        if (is_single) ((float *)m.data)[i] = (float)value;
        else ((double *)m.data)[i] = value;
    }
    return m;
}

static void drop(const struct matrix *m) {
    give_back(m->data, (size_t)m->n * (size_t)m->n, m->is_single ? sizeof(float) : sizeof(double));
}

static void multiply(const struct matrix *a, const struct matrix *b, struct matrix *c) {
    int n = a->n, order = COLUMN_MAJOR, no = NOT_TRANSPOSED;
    if (a->is_single) cblas_sgemm(order, no, no, n, n, n, 1.0f, a->data, n, b->data, n, 0.0f, c->data, n);
    else cblas_dgemm(order, no, no, n, n, n, 1.0, a->data, n, b->data, n, 0.0, c->data, n);
}

static void times_vector(const struct matrix *m, const double *v, double *result) {
    memset(result, 0, (size_t)m->n * sizeof *result);
    for (size_t column = 0; column < (size_t)m->n; column++)
        for (size_t row = 0; row < (size_t)m->n; row++) result[row] += at(m, row, column) * v[column];
}

/* Freivalds 1979: C v against A (B v) for a random v, greatest error over its bound, 8 sqrt(n) u A B v for elements that
   are not negative (Higham and Mary 2019). Above 1 or NaN is wrong. */
static double product_error(const struct matrix *a, const struct matrix *b, const struct matrix *c, uint64_t seed) {
    size_t n = (size_t)a->n;
    double worst = 0.0, u = (a->is_single ? (double)FLT_EPSILON : DBL_EPSILON) / 2, *v = room(4 * n, sizeof *v);
    double *b_v = v + n, *want = v + 2 * n, *got = v + 3 * n;
    for (size_t i = 0; i < n; i++) v[i] = 0.5 + uniform((seed << 40) + i);
    times_vector(b, v, b_v);
    times_vector(a, b_v, want);
    times_vector(c, v, got);
    for (size_t i = 0; i < n; i++) {
        double error = fabs(got[i] - want[i]) / (DEVIATIONS * sqrt((double)n) * u * want[i]);
        if (!(error <= worst)) worst = error;
        if (isnan(worst)) break;
    }
    give_back(v, 4 * n, sizeof *v);
    return worst;
}

/* dgemm or sgemm: 2 n^3 flops. Returns the best rate seen, in flops per second. */
static double measure_product(struct dense_plan *plan, bool is_single, int n) {
    const char *what = is_single ? "sgemm" : "dgemm";
    struct matrix a = matrix(is_single, n, 1), b = matrix(is_single, n, 2), c = matrix(is_single, n, 0);
    struct matrix small[3] = {matrix(is_single, 500, 1), matrix(is_single, 500, 2), matrix(is_single, 500, 0)};
    double best = 0.0, flops = 2.0 * n * (double)n * n;
    multiply(&small[0], &small[1], &small[2]); /* threads are awake and buffers there */
    memset(c.data, 0, (size_t)n * (size_t)n * (is_single ? sizeof(float) : sizeof(double)));
    for (int i = 0; i < plan->samples; i++) {
        struct stopwatch s = {.calls = 0};
        while (s.seconds < DENSE_SECONDS) {
            start(&s);
            multiply(&a, &b, &c);
            stop(&s);
        }
        double per_second = s.calls * flops / s.seconds;
        if (per_second > best) best = per_second;
        open_sample(plan, what, n, &s, 1e-9 * per_second);
        json_close();
    }
    char name[64];
    double error = product_error(&a, &b, &c, 3);
    snprintf(name, sizeof name, "%s.%d.%s", what, n, plan->run);
    report_check(name, error <= 1.0, error, 1.0);
    /* One element among n^2, missing or wrong by a millionth, must not pass. */
    size_t middle = (size_t)n * (size_t)n / 2;
    if (is_single) ((float *)c.data)[middle] = 0.0f;
    else ((double *)c.data)[middle] *= 1.0 + 1e-6;
    plan->blind += product_error(&a, &b, &c, 3) <= 1.0;
    for (int i = 0; i < 3; i++) drop(&small[i]);
    drop(&a), drop(&b), drop(&c);
    return best;
}

/* While no sample has kept the threads busy, some more products: another program that has a CPU for a moment is no proof
   that the library does not use it. */
static void look_for_the_team(struct dense_plan *plan) {
    const int n = 1000, probes = 30;
    struct matrix a = matrix(false, n, 1), b = matrix(false, n, 2), c = matrix(false, n, 0);
    for (int i = 0; i < probes && plan->busiest < least_busy(plan->threads); i++) {
        struct stopwatch s = {.calls = 0};
        while (s.seconds < DENSE_SECONDS) {
            start(&s);
            multiply(&a, &b, &c);
            stop(&s);
        }
        if (s.cpu_seconds / s.seconds > plan->busiest) plan->busiest = s.cpu_seconds / s.seconds;
    }
    drop(&a), drop(&b), drop(&c);
}

/* ---- a linear system in double, and in single with refinement ----------------------------------------------- */

struct system {
    int n;
    double *a, *factors, *b, *x; /* a is kept; factors is overwritten */
    double *work;
    float *single_work;
    int *pivots;
};

static double residual(const struct system *s) {
    size_t n = (size_t)s->n;
    double *r = s->work, *row_sum = room(n, sizeof *row_sum), size_a = 0.0, size_x = 0.0, size_b = 0.0, worst = 0.0;
    for (size_t i = 0; i < n; i++) r[i] = s->b[i], row_sum[i] = 0.0;
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < n; i++) {
            double element = s->a[j * n + i];
            r[i] -= element * s->x[j];
            row_sum[i] += fabs(element);
        }
    for (size_t i = 0; i < n; i++) {
        if (row_sum[i] > size_a) size_a = row_sum[i];
        if (fabs(s->x[i]) > size_x) size_x = fabs(s->x[i]);
        if (fabs(s->b[i]) > size_b) size_b = fabs(s->b[i]);
        if (!(fabs(r[i]) <= worst)) worst = fabs(r[i]);
        if (isnan(worst)) break;
    }
    give_back(row_sum, n, sizeof *row_sum);
    return worst / (DBL_EPSILON / 2 * (size_a * size_x + size_b) * (double)n);
}

static void solve_double(struct system *s, int *info) {
    const int one = 1;
    dgesv_(&s->n, &one, s->factors, &s->n, s->pivots, s->x, &s->n, info);
}

static void solve_refined(struct system *s, int *info, int *refinements) {
    const int one = 1;
    dsgesv_(&s->n, &one, s->factors, &s->n, s->pivots, s->b, &s->n, s->x, &s->n, s->work, s->single_work, refinements,
            info);
}

/* One sample of dgesv or dsgesv: 2/3 n^3 + 3/2 n^2 flops (HPL's count) whichever way they are spent. A call destroys the
   matrix, so each gets a copy, which is not timed. */
static double sample_solution(struct dense_plan *plan, struct system *s, bool refined, double *worst, int *fewest) {
    double n = s->n, flops = (2.0 / 3.0 * n + 1.5) * n * n;
    int info = 0, refinements = 0;
    struct stopwatch watch = {.calls = 0};
    while (watch.seconds < DENSE_SECONDS) {
        memcpy(s->factors, s->a, (size_t)s->n * (size_t)s->n * sizeof *s->a);
        memcpy(s->x, s->b, (size_t)s->n * sizeof *s->b);
        start(&watch);
        if (refined) solve_refined(s, &info, &refinements);
        else solve_double(s, &info);
        stop(&watch);
        if (info != 0) refinements = -1000;
    }
    double error = info == 0 ? residual(s) : NAN;
    open_sample(plan, refined ? "dsgesv" : "dgesv", s->n, &watch, 1e-9 * flops * watch.calls / watch.seconds);
    json_real("residual", error);
    if (refined) json_integer("refinements", refinements);
    json_close();
    if (!(error <= *worst)) *worst = error;
    if (refinements < *fewest) *fewest = refinements;
    return watch.seconds / watch.calls;
}

static void measure_solutions(struct dense_plan *plan, int n) {
    size_t elements = (size_t)n * (size_t)n, rows = (size_t)n;
    struct system s = {.n = n, .a = room(elements, sizeof(double)), .factors = room(elements, sizeof(double)),
                       .b = room(rows, sizeof(double)), .x = room(rows, sizeof(double)),
                       .work = room(rows, sizeof(double)), .single_work = room(elements + rows, sizeof(float)),
                       .pivots = room(rows, sizeof(int))};
    double worst_double = 0.0, worst_refined = 0.0;
    int fewest_double = 0, fewest = 1000;
    char name[64];
    for (size_t i = 0; i < elements; i++) s.a[i] = uniform(((uint64_t)4 << 40) + i) - 0.5;
    for (size_t i = 0; i < rows; i++) s.b[i] = uniform(((uint64_t)5 << 40) + i) - 0.5;
    for (int i = 0; i < plan->samples; i++) {
        double seconds = sample_solution(plan, &s, false, &worst_double, &fewest_double);
        double refined = sample_solution(plan, &s, true, &worst_refined, &fewest);
        snprintf(name, sizeof name, "speedup.%d.%s", n, plan->run);
        json_open();
        json_string("sample", name);
        json_real("value", seconds / refined);
        json_real("dgesv_seconds", seconds);
        json_real("dsgesv_seconds", refined);
        json_close();
    }
    snprintf(name, sizeof name, "dgesv.%d.%s", n, plan->run);
    report_check(name, worst_double < RESIDUAL_LIMIT, worst_double, RESIDUAL_LIMIT);
    snprintf(name, sizeof name, "dsgesv.%d.%s", n, plan->run);
    report_check(name, worst_refined < RESIDUAL_LIMIT, worst_refined, RESIDUAL_LIMIT);
    /* Negative: LAPACK gave up and solved it all in double. */
    snprintf(name, sizeof name, "refined.%d.%s", n, plan->run);
    report_check(name, fewest >= 0, fewest, 0.0);
    /* One unknown among n, wrong by a ten millionth of the greatest, must not pass. */
    size_t greatest = 0;
    for (size_t i = 0; i < rows; i++)
        if (fabs(s.x[i]) > fabs(s.x[greatest])) greatest = i;
    s.x[greatest] *= 1.0 + 1e-7;
    plan->blind += residual(&s) < RESIDUAL_LIMIT;
    give_back(s.a, elements, sizeof(double)), give_back(s.factors, elements, sizeof(double));
    give_back(s.b, rows, sizeof(double)), give_back(s.x, rows, sizeof(double));
    give_back(s.work, rows, sizeof(double)), give_back(s.single_work, elements + rows, sizeof(float));
    give_back(s.pivots, rows, sizeof(int));
}

#endif
