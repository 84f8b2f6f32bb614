/*
 * The seven functions beside the bytes they are charged with, the vectors they work on, and what their results are
 * compared with. Included by vector_ops.c only.
 */
#ifndef BENCHTUI_VECTOR_OPS_FUNCTIONS_H
#define BENCHTUI_VECTOR_OPS_FUNCTIONS_H

#include <float.h>

#include "../common/openblas.h"
#include "../common/random.h"

extern void cblas_daxpy(int n, double alpha, const double *x, int stride_x, double *y, int stride_y);
extern double cblas_ddot(int n, const double *x, int stride_x, const double *y, int stride_y);
extern void cblas_dscal(int n, double alpha, double *x, int stride_x);
extern double cblas_dnrm2(int n, const double *x, int stride_x);
extern double cblas_dasum(int n, const double *x, int stride_x);
extern size_t cblas_idamax(int n, const double *x, int stride_x);
extern void cblas_dcopy(int n, const double *x, int stride_x, double *y, int stride_y);

enum { FUNCTIONS = 7 };
enum function { DAXPY, DDOT, DSCAL, DNRM2, DASUM, IDAMAX, DCOPY };

static const char *const FUNCTION_NAME[FUNCTIONS] = {"daxpy", "ddot", "dscal", "dnrm2", "dasum", "idamax", "dcopy"};

/* 8 bytes per element read and per element written, as a program that calls them sees it: check_bytes() observes it.
                                                        r x  r y  w */
static const uint64_t BYTES_PER_ELEMENT[FUNCTIONS] = {/* daxpy  y = a x + y     1 + 1 + 1 */ 24,
                                                      /* ddot   sum x y         1 + 1     */ 16,
                                                      /* dscal  x = a x         1     + 1 */ 16,
                                                      /* dnrm2  sqrt(sum x^2)   1         */ 8,
                                                      /* dasum  sum |x|         1         */ 8,
                                                      /* idamax first max |x|   1         */ 8,
                                                      /* dcopy  y = x           1     + 1 */ 16};

/* These compute more than they move: their figure is time per element, not bandwidth. */
static bool in_nanoseconds(enum function f) { return f == DNRM2 || f == DASUM || f == IDAMAX; }

static const double UNIT_ROUNDOFF = DBL_EPSILON / 2; /* u = 2^-53 */
/* Between the vectors, in elements: 16 pages and 8 lines, so that equal indices do not compete for one cache set. */
static const size_t OFFSET = 8256;

struct vectors {
    double *x, *y;
    int n;
    size_t largest; /* where |x| is greatest, in the last quarter: half a vector does not find it */
    void *memory;
    uint64_t bytes;
};

/* ---- data -------------------------------------------------------------------------------------------------- */

static const uint64_t BITS_OF_ONE = UINT64_C(0x3ff) << 52;

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double with_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Of either sign, 1 <= |value| < 2, all bits of the significand in use. Put together of its bits, which compilers do for
   several elements at once: each is made once per function that is checked, and vectors in memory are long. */
static double element(uint64_t counter) {
    uint64_t bits = mixed(counter);
    return with_bits(BITS_OF_ONE | bits >> 12 | bits << 63);
}

static double x_element(const struct vectors *v, size_t i) { return i == v->largest ? -3.0 : element(2 * i + 1); }
static double y_element(size_t i) { return element(2 * i + 2); }

static void fill(const struct vectors *v) {
    for (size_t i = 0; i < (size_t)v->n; i++) {
        v->x[i] = x_element(v, i);
        v->y[i] = y_element(i);
    }
}

static bool allocate_vectors(struct vectors *v, uint64_t vector_bytes) {
    v->n = (int)(vector_bytes / sizeof(double));
    v->largest = (size_t)v->n - 1 - (size_t)v->n / 7;
    v->bytes = whole_pages(2 * vector_bytes + OFFSET * sizeof(double));
    v->memory = allocate_pages(v->bytes, PAGES_HUGE);
    if (!v->memory) return false;
    v->x = v->memory;
    v->y = v->x + v->n + OFFSET;
    /* First touch by the library's own threads: each page lies on the node of the thread that daxpy gives it to. */
    cblas_daxpy(v->n, 0.5, v->x, 1, v->y, 1);
    cblas_daxpy(v->n, 0.5, v->y, 1, v->x, 1);
    fill(v);
    return true;
}

/* ---- calls ------------------------------------------------------------------------------------------------- */

/* What the calls of a function left behind: the sum of the results it returned, and how often it was called. */
struct outcome {
    double sum;
    uint64_t calls;
};

/* `calls` calls in a row. Repetition must neither overflow nor end in denormals: daxpy adds and subtracts in turn,
   dscal doubles and halves (exact; a factor of 1 would be a shortcut in some libraries). */
static __attribute__((noinline)) void repeat(enum function f, const struct vectors *v, uint64_t calls,
                                             struct outcome *outcome) {
    double sum = 0.0;
    uint64_t done = outcome->calls;
    for (uint64_t end = done + calls; done < end; done++) {
        bool even = done % 2 == 0;
        if (f == DAXPY) cblas_daxpy(v->n, even ? 0.5 : -0.5, v->x, 1, v->y, 1);
        else if (f == DDOT) sum += cblas_ddot(v->n, v->x, 1, v->y, 1);
        else if (f == DSCAL) cblas_dscal(v->n, even ? 2.0 : 0.5, v->x, 1);
        else if (f == DNRM2) sum += cblas_dnrm2(v->n, v->x, 1);
        else if (f == DASUM) sum += cblas_dasum(v->n, v->x, 1);
        else if (f == IDAMAX) sum += (double)cblas_idamax(v->n, v->x, 1);
        else cblas_dcopy(v->n, v->x, 1, v->y, 1);
    }
    outcome->sum += sum;
    outcome->calls = done;
}

/* ---- references -------------------------------------------------------------------------------------------- */

/* Sum of a_i b_i as if in twice the precision (Dot2 of Ogita, Rump and Oishi 2005), and sum of |a_i b_i|. */
static double compensated_dot(const double *a, const double *b, int n, double *absolute) {
    double sum = 0.0, low = 0.0;
    *absolute = 0.0;
    for (int i = 0; i < n; i++) {
        double product = a[i] * b[i], error = fma(a[i], b[i], -product);
        double next = sum + product, part = next - sum;
        low += (sum - (next - part)) + (product - part) + error;
        sum = next;
        *absolute += fabs(product);
    }
    return sum + low;
}

/* Sum of |a_i|, compensated likewise. */
static double compensated_sum(const double *a, int n) {
    double sum = 0.0, low = 0.0;
    for (int i = 0; i < n; i++) {
        double next = sum + fabs(a[i]), part = next - sum;
        low += (sum - (next - part)) + (fabs(a[i]) - part);
        sum = next;
    }
    return sum + low;
}

/* The greater of two numbers that are not negative, by their bits: those of a NaN are greater than any number's. */
static uint64_t greater_bits(uint64_t bits, double other) { return bits_of(other) > bits ? bits_of(other) : bits; }

/* Error over its bound, the greatest of all elements; above 1 or NaN is wrong. Bounds: docs/suites/vector_ops.md. */
static double error_of_elements(enum function f, const struct vectors *v, bool odd) {
    uint64_t worst = 0;
    if (f == DAXPY) {
        double times = odd ? 0.5 : 0.0;
        for (size_t i = 0; i < (size_t)v->n; i++) {
            double x = x_element(v, i), y = y_element(i);
            double bound = 2.0 * UNIT_ROUNDOFF * (fabs(y) + fabs(0.5 * x));
            worst = greater_bits(worst, fabs(v->y[i] - (y + times * x)) / bound);
        }
    } else { /* DSCAL, DCOPY: exact, any error is too large */
        const double *got = f == DSCAL ? v->x : v->y;
        double times = f == DSCAL && odd ? 2.0 : 1.0;
        for (size_t i = 0; i < (size_t)v->n; i++)
            worst = greater_bits(worst, fabs(got[i] - times * x_element(v, i)) / DBL_MIN);
    }
    return with_bits(worst);
}

/* Error over its bound of the mean of the results that the calls returned. */
static double error_of_results(enum function f, const struct vectors *v, const struct outcome *outcome) {
    double n = (double)v->n, absolute, want, bound, mean = outcome->sum / (double)outcome->calls;
    if (f == DDOT) {
        want = compensated_dot(v->x, v->y, v->n, &absolute);
        bound = n * UNIT_ROUNDOFF * absolute;
    } else if (f == DNRM2) {
        want = sqrt(compensated_dot(v->x, v->x, v->n, &absolute));
        bound = n * UNIT_ROUNDOFF * want;
    } else if (f == DASUM) {
        want = compensated_sum(v->x, v->n);
        bound = n * UNIT_ROUNDOFF * want;
    } else {
        want = (double)v->largest;
        bound = 0.0;
    }
    /* The mean of many equal results is itself a sum that was rounded so many times. */
    bound += (double)outcome->calls * UNIT_ROUNDOFF * fabs(want);
    return fabs(mean - want) / bound;
}

static double error_of(enum function f, const struct vectors *v, const struct outcome *outcome) {
    if (f == DAXPY || f == DSCAL || f == DCOPY) return error_of_elements(f, v, outcome->calls % 2 == 1);
    return error_of_results(f, v, outcome);
}

/* Written so that a NaN fails. */
static bool within_bound(double error) { return error <= 1.0; }

/* ---- do the comparisons notice what they are for? ------------------------------------------------------------ */

enum { PROBE = 1024 };

/* All that one call leaves behind: its result, x and y. */
struct trace {
    double result, x[PROBE], y[PROBE];
};

/* Of one call on vectors of which element `at` of x (disturbed = 1) or y (2) was changed before. */
static void trace(struct trace *t, enum function f, int disturbed, size_t at, double by) {
    struct vectors v = {.x = t->x, .y = t->y, .n = PROBE, .largest = PROBE - 1};
    struct outcome outcome = {0.0, 0};
    fill(&v);
    if (disturbed) (disturbed == 1 ? v.x : v.y)[at] = by;
    repeat(f, &v, 1, &outcome);
    t->result = outcome.sum;
}

/* Is a result accepted of which one element, or the returned number, is `wrong` of what it was? */
static bool accepted(enum function f, double (*wrong)(double)) {
    static struct trace t;
    struct vectors v = {.x = t.x, .y = t.y, .n = PROBE, .largest = PROBE - 1};
    trace(&t, f, 0, 0, 0.0);
    double *element = f == DAXPY || f == DCOPY ? &t.y[PROBE / 3] : f == DSCAL ? &t.x[PROBE / 3] : &t.result;
    *element = wrong(*element);
    return within_bound(error_of(f, &v, &(struct outcome){t.result, 1}));
}

static double unchanged(double value) { return value; }
static double not_a_number(double value) { return value * NAN; }
static double next_one(double value) { return value + 1.0; }
/* Not the nearest, so that it differs whatever the value: by 2 to 4 units of the last place of single precision. */
static double in_single(double value) { return (double)(float)(value * (1.0 + 3.0 * (double)FLT_EPSILON)); }

/* ---- which vectors a function reads and writes, seen from outside ------------------------------------------- */

/* Bytes per element that a function moves, by experiment: a vector is written if a call changes it, and read if one
   element of it, changed before the call, shows in what comes out elsewhere. */
static uint64_t bytes_observed(enum function f) {
    static struct trace plain, other;
    size_t at = PROBE / 2, vectors = 0;
    trace(&plain, f, 0, 0, 0.0);
    for (int which = 1; which <= 2; which++) {
        trace(&other, f, which, at, 1024.0);
        bool of_x = which == 1;
        double before = of_x ? x_element(&(struct vectors){.largest = PROBE - 1}, at) : y_element(at);
        double after = of_x ? plain.x[at] : plain.y[at], changed = of_x ? other.x[at] : other.y[at];
        double partner = of_x ? plain.y[at] : plain.x[at], partner_changed = of_x ? other.y[at] : other.x[at];
        bool written = after != before;
        bool read = other.result != plain.result || partner_changed != partner || (written && changed != after);
        vectors += (size_t)written + (size_t)read;
    }
    return vectors * sizeof(double);
}

#endif
