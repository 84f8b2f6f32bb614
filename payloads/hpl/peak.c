/*
 * The most double-precision operations these CPUs do at once: independent fused multiply-adds in registers, one thread
 * bound to each CPU given, all at the same time. It is what HPL's rate is divided by: measured, not looked up, so the
 * clock is the one the machine keeps with all its CPUs at work.
 *
 *   peak --cpus 0,1 [--chunks 20] [--chunk-seconds 0.01]
 *
 * Operations: 2 per lane and FMA. A thread's rate is its best chunk's: what a neighbour takes does not lower a peak.
 */
#include <pthread.h>

#include "../common/common.h"

#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64 };
#elif defined(__AVX__)
enum { VECTOR_BYTES = 32 };
#else
enum { VECTOR_BYTES = 16 }; /* SSE2, NEON; SVE's units are as wide in sum as NEON's on Neoverse */
#endif

typedef double vector __attribute__((vector_size(VECTOR_BYTES)));
enum { LANES = VECTOR_BYTES / sizeof(double), ROUND = 1000 };

/* Accumulators enough for latency x units (4 x 2 on x86-64, 4 x 4 on Neoverse), each a variable of its own: an array
   is kept in memory by gcc. The empty asm is where all must be in registers. */
#if defined(__aarch64__)
enum { ACCUMULATORS = 20 };
#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) \
    X(18) X(19)
#define IN_REGISTER(i) __asm__ volatile("" : "+w"(a##i));
#else
enum { ACCUMULATORS = 12 };
#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define IN_REGISTER(i) __asm__ volatile("" : "+x"(a##i));
#endif
#define LOAD(i) vector a##i = start + (double)i;
#define FMA(i) a##i = a##i * factor + term;
#define ADD_UP(i) sum += a##i;

/* 2 x LANES x ACCUMULATORS x ROUND x rounds operations. x <- x/2 + 1 stays near 2 for ever: nothing overflows, nothing
   becomes denormal, and the sum is known. */
static __attribute__((noinline)) double multiply_add(const volatile double *numbers, long rounds) {
    double f = numbers[0], t = numbers[1], s = numbers[2], total = 0.0;
    vector start = s - (vector){0}, factor = f - (vector){0}, term = t - (vector){0}, sum = {0};
    EACH(LOAD)
    for (long i = 0; i < rounds * ROUND; i++) {
        EACH(FMA)
        EACH(IN_REGISTER)
    }
    EACH(ADD_UP)
    for (int lane = 0; lane < (int)LANES; lane++) total += sum[lane];
    return total;
}

struct worker {
    pthread_t thread;
    pthread_barrier_t *together;
    int cpu, chunks;
    double chunk_seconds, best_gflops, error;
    bool bound;
};

static void *work(void *given) {
    static const volatile double NUMBERS[3] = {0.5, 1.0, 2.0};
    const double expected = 2.0 * ACCUMULATORS * LANES;
    struct worker *w = given;
    long rounds = 1;
    w->bound = pin_thread(w->cpu);
    for (double seconds = 0.0; seconds < w->chunk_seconds; rounds *= 2) {
        double start = now_seconds();
        w->error = fabs(multiply_add(NUMBERS, rounds) - expected);
        seconds = now_seconds() - start;
    }
    pthread_barrier_wait(w->together);
    for (int i = 0; i < w->chunks; i++) {
        double start = now_seconds(), sum = multiply_add(NUMBERS, rounds), seconds = now_seconds() - start;
        double gflops = 2.0 * LANES * ACCUMULATORS * ROUND * (double)rounds / seconds / 1e9;
        if (gflops > w->best_gflops) w->best_gflops = gflops;
        w->error = fmax(w->error, fabs(sum - expected));
    }
    return NULL;
}

int main(int argc, char **argv) {
    static struct worker workers[MAX_CPUS];
    pthread_barrier_t together;
    struct worker like = {.together = &together, .chunks = 20, .chunk_seconds = 0.005};
    int count = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--chunks") == 0) like.chunks = atoi(argv[i + 1]);
        if (strcmp(argv[i], "--chunk-seconds") == 0) like.chunk_seconds = strtod(argv[i + 1], NULL);
        if (strcmp(argv[i], "--cpus") != 0) continue;
        for (char *number = strtok(argv[i + 1], ","); number && count < MAX_CPUS; number = strtok(NULL, ","))
            workers[count++].cpu = atoi(number);
    }
    if (count == 0 || pthread_barrier_init(&together, NULL, (unsigned)count) != 0) {
        fputs("--cpus 0,1,… is needed\n", stderr);
        return 2;
    }
    for (int i = 0; i < count; i++) {
        like.cpu = workers[i].cpu;
        workers[i] = like;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) die("pthread_create");
    }
    double sum = 0.0, error = 0.0;
    int bound = 0;
    for (int i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        sum += workers[i].best_gflops;
        error = fmax(error, workers[i].error);
        bound += workers[i].bound;
    }
    json_open();
    json_string("fact", "fma_peak");
    json_begin("value", '{');
    json_integer("threads", count);
    json_integer("bound", bound);
    json_integer("vector_bits", 8 * VECTOR_BYTES);
    json_real("gflops", sum);
    json_real("error", error);
    json_end('}');
    json_close();
    return error < 1.0 ? 0 : 1; /* a sum of nonsense: not the operations that were counted */
}
