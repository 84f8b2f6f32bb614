/*
 * The same problem by another program: LAPACK's dgesv from the same OpenBLAS, without MPI and without HPL, with a
 * residual of its own. If HPL and this disagree by much, one of them does not do what it says.
 *
 *   dgesv --n 8000 --run all [--cpuinfo FILE]     solves; without --n it only says what OpenBLAS is
 *
 * Flops are credited as HPL credits them, 2/3 n^3 + 3/2 n^2, and the residual is HPL's,
 * ||Ax-b||_oo / (eps (||A||_oo ||x||_oo + ||b||_oo) n), with A made again from its seed.
 */
#include "../common/openblas.h"

extern void dgesv_(const int *n, const int *right_sides, double *a, const int *lda, int *pivots, double *b,
                   const int *ldb, int *info);

static const double HPL_THRESHOLD = 16.0; /* HPL's own */
static const double STRICT = 0.05;        /* sees a pivot that is wrong by 1e-9, which HPL's does not */

/* Element i of the system's random numbers, uniform in [-0.5, 0.5): splitmix64 of the index, so that any part can be
   made again without the rest. */
static double element(uint64_t i) {
    uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53 - 0.5;
}

static void make_system(int n, double *a, double *b) {
    for (uint64_t i = 0; i < (uint64_t)n * (uint64_t)n; i++) a[i] = element(i);
    for (int i = 0; i < n; i++) b[i] = element((uint64_t)n * (uint64_t)n + (uint64_t)i);
}

/* HPL's scaled residual of the solution x, with the columns of A made again. */
static double scaled_residual(int n, const double *x) {
    double *r = calloc((size_t)n, sizeof *r), *row = calloc((size_t)n, sizeof *row);
    double a_norm = 0.0, b_norm = 0.0, x_norm = 0.0, r_norm = 0.0;
    if (!r || !row) die("memory for the residual");
    for (int j = 0; j < n; j++)
        for (int i = 0; i < n; i++) {
            double a = element((uint64_t)j * (uint64_t)n + (uint64_t)i);
            r[i] += a * x[j];
            row[i] += fabs(a);
        }
    bool number = true; /* fmax drops a NaN */
    for (int i = 0; i < n; i++) {
        double b = element((uint64_t)n * (uint64_t)n + (uint64_t)i);
        number = number && isfinite(r[i]) && isfinite(x[i]);
        r_norm = fmax(r_norm, fabs(b - r[i]));
        a_norm = fmax(a_norm, row[i]);
        b_norm = fmax(b_norm, fabs(b));
        x_norm = fmax(x_norm, fabs(x[i]));
    }
    free(r);
    free(row);
    return number ? r_norm / (0x1p-53 * (a_norm * x_norm + b_norm) * n) : NAN;
}

static void solve(int n, const char *run) {
    const int one = 1;
    int info = 0, *pivots = malloc((size_t)n * sizeof *pivots);
    double *a = malloc((size_t)n * (size_t)n * sizeof *a), *b = malloc((size_t)n * sizeof *b);
    char name[64];
    if (!a || !b || !pivots) die("memory for the matrix");
    make_system(n, a, b);
    double start = now_seconds();
    dgesv_(&n, &one, a, &n, pivots, b, &n, &info);
    double seconds = now_seconds() - start;
    double flops = (double)n * n * (2.0 / 3.0 * n + 1.5), residual = scaled_residual(n, b);

    json_open();
    json_string("fact", "dgesv");
    json_begin("value", '{');
    json_integer("n", n);
    json_integer("threads", openblas_get_num_threads());
    json_real("seconds", seconds);
    json_real("gflops", flops / seconds / 1e9);
    json_real("residual", residual);
    json_integer("info", info);
    json_end('}');
    json_close();
    snprintf(name, sizeof name, "dgesv_residual.%s", run);
    report_check(name, info == 0 && residual < HPL_THRESHOLD && residual < STRICT, residual, STRICT);
    free(a);
    free(b);
    free(pivots);
}

int main(int argc, char **argv) {
    static struct cpu cpu;
    const char *run = "all", *cpuinfo = NULL;
    int n = 0;
    for (int i = 1; i < argc; i += 2) {
        const char *value = argv[i + 1]; /* argv[argc] is NULL */
        if (value && strcmp(argv[i], "--n") == 0 && atoi(value) > 0) n = atoi(value);
        else if (value && strcmp(argv[i], "--run") == 0) run = value;
        else if (value && strcmp(argv[i], "--cpuinfo") == 0) cpuinfo = value;
        else {
            fprintf(stderr, "not understood: %s %s\n", argv[i], value ? value : "");
            return 2;
        }
    }
    identify_cpu(cpuinfo, &cpu);
    force_fitting_core(argv, &cpu);
    report_blas(&cpu, run);
    if (n > 0) solve(n, run);
    return 0;
}
