/*
 * One case: plan it, time it, verify it, in one precision. Included by fftw.c once with REAL double and once with REAL
 * float; FFTW(x) is fftw_x or fftwf_x, OWN(x) a name that differs between the two. No include guard, on purpose.
 *
 * The transform is complex, forward and out of place, from `in` to `out`. It is verified with the plan that was timed:
 * both buffers are aligned alike, so the same plan may run from `out` to `in`, and with real and imaginary parts
 * exchanged before and after, a forward transform is the inverse one.
 */

extern int FFTW(planner_nthreads)(void) __attribute__((weak)); /* since 3.3.9 */

struct OWN(buffers) {
    FFTW(complex) *in, *out;
    uint64_t bytes; /* of each */
    void *memory;
    uint64_t memory_bytes;
};

/* The same problem again, but only if the planner knows a plan at least as good as FFTW_MEASURE makes them. */
static bool OWN(knows_measured)(const struct shape *shape, const struct OWN(buffers) *b) {
    FFTW(plan) plan = FFTW(plan_dft)(shape->rank, shape->length, b->in, b->out, FFTW_FORWARD,
                                     PLANNER_FLAG | FFTW_WISDOM_ONLY);
    if (!plan) return false;
    FFTW(destroy_plan)(plan);
    return true;
}

static void OWN(fill_random)(FFTW(complex) *x, int64_t n, int threads) {
    (void)threads;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        x[i][0] = (REAL)random_number(2 * (uint64_t)i);
        x[i][1] = (REAL)random_number(2 * (uint64_t)i + 1);
    }
}

/* exp(2 pi i k.x / length): all lengths of a shape are equal, so the phase is a whole number of 1/length turns. */
static void OWN(fill_sinusoid)(FFTW(complex) *x, const struct shape *shape, const int *bin) {
    int64_t length = shape->length[0];
    double(*turn)[2] = malloc((size_t)length * sizeof *turn);
    if (!turn) die("memory for a table");
    for (int64_t i = 0; i < length; i++) {
        turn[i][0] = cos(2.0 * PI * (double)i / (double)length);
        turn[i][1] = sin(2.0 * PI * (double)i / (double)length);
    }
    for (int64_t i = 0; i < shape->n; i++) {
        int64_t phase = 0, rest = i;
        for (int d = shape->rank - 1; d >= 0; d--) {
            phase += rest % length * bin[d];
            rest /= length;
        }
        x[i][0] = (REAL)turn[phase % length][0];
        x[i][1] = (REAL)turn[phase % length][1];
    }
    free(turn);
}

static void OWN(exchange)(FFTW(complex) *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        REAL real = x[i][0];
        x[i][0] = x[i][1];
        x[i][1] = real;
    }
}

static double OWN(energy)(const FFTW(complex) *x, int64_t n) {
    struct sum sum = {0};
    for (int64_t low = 0; low < n; low += BLOCK) {
        double part = 0.0;
        for (int64_t i = low; i < n && i < low + BLOCK; i++)
            part += (double)x[i][0] * (double)x[i][0] + (double)x[i][1] * (double)x[i][1];
        add_to(&sum, part);
    }
    return total(&sum);
}

/* Relative error (L2) of x / n against the random numbers; `coarse`: of x with 8 bits fewer. */
static double OWN(random_error)(const FFTW(complex) *x, int64_t n, bool coarse) {
    struct sum sum = {0}, norm = {0};
    double scale = 1.0 / (double)n;
    const REAL split = COARSE_FACTOR;
    for (int64_t low = 0; low < n; low += BLOCK) {
        double part = 0.0, part_norm = 0.0;
        for (int64_t i = low; i < n && i < low + BLOCK; i++)
            for (int k = 0; k < 2; k++) {
                REAL value = x[i][k], expected = (REAL)random_number(2 * (uint64_t)i + (uint64_t)k);
                REAL scaled = split * value, high = scaled - (scaled - value); /* Veltkamp: 8 bits fewer */
                double error = (double)(coarse ? high : value) * scale - (double)expected;
                part += error * error;
                part_norm += (double)expected * (double)expected;
            }
        add_to(&sum, part);
        add_to(&norm, part_norm);
    }
    return sqrt(total(&sum) / total(&norm));
}

static void OWN(verify)(const struct options *options, const struct shape *shape, FFTW(plan) plan,
                        const struct OWN(buffers) *b) {
    const int64_t n = shape->n;
    const double limit = TOLERANCE * EPSILON * log2((double)n);
    const char *run = options->run;
    int bin[3] = {0};

    /* Parseval: the transform of random numbers has n times their energy. */
    OWN(fill_random)(b->in, n, options->threads);
    FFTW(execute_dft)(plan, b->in, b->out);
    double parseval = fabs(OWN(energy)(b->out, n) / ((double)n * OWN(energy)(b->in, n)) - 1.0);
    check_case("parseval", LABEL, shape, run, within(parseval, limit), parseval, limit);

    /* There and back again. */
    OWN(exchange)(b->out, n);
    memset(b->in, 0, b->bytes);
    FFTW(execute_dft)(plan, b->out, b->in);
    OWN(exchange)(b->in, n);
    double inverse = OWN(random_error)(b->in, n, false);
    check_case("inverse", LABEL, shape, run, within(inverse, limit), inverse, limit);

    /* Would that have seen a worse transform? 8 bits fewer must fail, and so must a single NaN. */
    double coarse = OWN(random_error)(b->in, n, true);
    b->in[n / 3][1] = NAN;
    int seen = !within(coarse, limit) + !within(OWN(random_error)(b->in, n, false), limit);
    check_case("error_is_seen", LABEL, shape, run, seen == 2, seen, 2.0);

    /* A sinusoid is in its own bin, and nowhere else. */
    for (int d = 0; d < shape->rank; d++) bin[d] = (int)((int64_t)(d + 3) * shape->length[d] / 7) | 1;
    OWN(fill_sinusoid)(b->in, shape, bin);
    FFTW(execute_dft)(plan, b->in, b->out);
    int64_t at = 0;
    for (int d = 0; d < shape->rank; d++) at = at * shape->length[d] + bin[d];
    double leak = 0.0, off = hypot((double)b->out[at][0] / (double)n - 1.0, (double)b->out[at][1] / (double)n);
    bool number = true; /* a comparison with NaN would pass it over */
    for (int64_t i = 0; i < n; i++) {
        double size = fabs((double)b->out[i][0]) + fabs((double)b->out[i][1]);
        number = number && isfinite(size);
        if (i != at && size > leak) leak = size;
    }
    double worst = number ? fmax(off, leak / (double)n) : NAN;
    check_case("sinusoid", LABEL, shape, run, within(worst, limit), worst, limit);
}

/* What the planner made of it; false when its metric is declined. */
static bool OWN(check_planning)(const struct options *options, const struct shape *shape, FFTW(plan) plan,
                                const struct OWN(buffers) *b, struct measured *m) {
    int wanted = team_wanted(options), threads = FFTW(planner_nthreads) ? FFTW(planner_nthreads)() : options->threads;
    if (options->bound < threads) threads = options->bound;
    check_case("team", LABEL, shape, options->run, threads == wanted, threads, wanted);
    m->timelimit_hit = m->plan_seconds >= TIMELIMIT_NEAR * options->timelimit;
    bool measured = OWN(knows_measured)(shape, b);
    if (!measured && m->timelimit_hit) {
        char reason[200];
        snprintf(reason, sizeof reason, "the planner hit its time limit of %g s: what it has is no FFTW_MEASURE plan",
                 options->timelimit);
        decline_case(LABEL, shape, options->run, reason);
        return false;
    }
    check_case("planner", LABEL, shape, options->run, measured, measured, 1.0);
    char *text = FFTW(sprint_plan)(plan);
    if (!text) die("fftw_sprint_plan");
    report_plan(LABEL, shape, options->run, text, m);
    free(text);
    return true;
}

static void OWN(time_batches)(const struct options *options, const struct shape *shape, FFTW(plan) plan,
                              struct measured *m) {
    int64_t iterations = 1;
    double seconds = 0.0, shortest = HUGE_VAL, flops = 0.0;
    for (;;) { /* this also warms up */
        double start = now_seconds();
        for (int64_t i = 0; i < iterations; i++) FFTW(execute)(plan);
        seconds = now_seconds() - start;
        if (seconds >= 1.5 * SHORTEST_SECONDS) break;
        iterations *= 2;
    }
    for (int k = 0; k < options->batches; k++) {
        double cpu = cpu_seconds(), start = now_seconds();
        for (int64_t i = 0; i < iterations; i++) FFTW(execute)(plan);
        seconds = now_seconds() - start;
        m->cpu_seconds = cpu_seconds() - cpu;
        if (seconds < SHORTEST_SECONDS) { /* an interruption had made the calibration too short */
            iterations *= 2;
            k--;
            continue;
        }
        if (seconds < shortest) shortest = seconds;
        double gflops = flops_of(shape) * (double)iterations / seconds / 1e9;
        flops = gflops * 1e9 * seconds / (double)iterations;
        report_sample(options, LABEL, shape, gflops, seconds, iterations, m);
    }
    double expected = radix_2_operations(shape->n);
    check_case("flops", LABEL, shape, options->run, fabs(flops / expected - 1.0) < 1e-9, flops, expected);
    check_case("timer", LABEL, shape, options->run, shortest >= SHORTEST_SECONDS, shortest, SHORTEST_SECONDS);
}

static void OWN(report_library)(void) {
    json_open();
    json_string("fact", "library." LABEL);
    json_begin("value", '{');
    json_string("version", FFTW(version));
    json_string("compiler", FFTW(cc));
    json_string("codelets", FFTW(codelet_optim));
    json_string("file", file_of((void *)(uintptr_t)FFTW(execute)));
    json_end('}');
    json_close();
}

static void OWN(run_case)(const struct options *options, const struct shape *shape) {
    struct OWN(buffers) b = {.bytes = (uint64_t)shape->n * sizeof(FFTW(complex))};
    struct measured m = {.library = FFTW(version)};
    if (!fits_in_memory(2 * b.bytes, LABEL, shape, options)) return;
    b.memory_bytes = whole_pages(2 * b.bytes + OFFSET_BYTES);
    b.memory = allocate_pages(b.memory_bytes, PAGES_HUGE);
    if (!b.memory) die("memory for the transform");
    b.in = b.memory;
    b.out = (FFTW(complex) *)(void *)((char *)b.memory + b.bytes + OFFSET_BYTES);
    OWN(fill_random)(b.in, shape->n, options->threads); /* first touch */
    OWN(fill_random)(b.out, shape->n, options->threads);

    FFTW(plan_with_nthreads)(options->threads);
    FFTW(set_timelimit)(options->timelimit);
    FFTW(forget_wisdom)(); /* that of the cases before this one, too */
    bool known = OWN(knows_measured)(shape, &b);
    double start = now_seconds();
    FFTW(plan) plan = FFTW(plan_dft)(shape->rank, shape->length, b.in, b.out, FFTW_FORWARD, PLANNER_FLAG);
    m.plan_seconds = now_seconds() - start;
    if (!plan) die("fftw_plan_dft");
    m.huge_bytes = huge_bytes_observed(b.memory, b.memory_bytes);
    if (OWN(check_planning)(options, shape, plan, &b, &m)) {
        check_case("no_wisdom", LABEL, shape, options->run, !known, known, 0.0);
        OWN(fill_random)(b.in, shape->n, options->threads); /* planning overwrote it; zeros might be faster */
        OWN(time_batches)(options, shape, plan, &m);
        OWN(verify)(options, shape, plan, &b);
    }
    FFTW(destroy_plan)(plan);
    munmap(b.memory, b.memory_bytes);
}
