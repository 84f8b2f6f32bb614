/*
 * main() of HPL: starts MPI, says which BLAS answers each rank and with how many threads on which CPUs, and runs HPL
 * as hpccinf.txt asks (HPL.dat with the name that hpcc gives it). HPL appends its results to hpccoutf.txt, for hpl.py
 * to read; on standard output there are JSON records alone.
 *
 *   xhpl RUN [CPUINFO]       RUN: all or core, the suffix of its checks
 */
#include <mpi.h>

#include "../common/openblas.h"
#include "hpl.h"

int HPL_main(int argc, char **argv, HPL_RuntimeData *best, int *failed); /* no header declares it */
int HPCC_Defaults(void);

/* HPL calls it with many arguments where its input is not understood, and would run a problem of its own choice. */
int HPCC_Defaults(void) {
    fputs("error: HPL does not understand its input\n", stderr);
    MPI_Abort(MPI_COMM_WORLD, 1);
    return 1;
}

/* Each rank in turn: the team of threads that its BLAS has, and where the kernel lets it run. */
static void report_rank(int rank, int ranks) {
    struct cpu_list cpus;
    usable_cpus(&cpus);
    for (int turn = 0; turn < ranks; turn++) {
        MPI_Barrier(MPI_COMM_WORLD);
        if (turn != rank) continue;
        char name[32];
        snprintf(name, sizeof name, "rank.%d", rank);
        json_open();
        json_string("fact", name);
        json_begin("value", '{');
        json_integer("threads", openblas_get_num_threads());
        json_integer("usable_cpus", cpus.count);
        json_cpus("cpus", &cpus);
        json_string("core", openblas_get_corename());
        json_end('}');
        json_close();
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

int main(int argc, char **argv) {
    static struct cpu cpu;
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    HPL_RuntimeData best = {0};
    int rank, ranks, length, failed = 0;
    const char *run = argc > 1 ? argv[1] : "all";
    identify_cpu(argc > 2 ? argv[2] : NULL, &cpu);
    force_fitting_core(argv, &cpu); /* before MPI_Init: it may start this program again */

    if (MPI_Init(&argc, &argv) != MPI_SUCCESS) die("MPI_Init");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Get_library_version(version, &length);
    if (rank == 0) {
        version[strcspn(version, ",\n")] = 0;
        report_blas(&cpu, run);
        json_open();
        json_string("fact", "mpi");
        json_string("value", version);
        json_close();
    }
    report_rank(rank, ranks);
    HPL_main(argc, argv, &best, &failed);
    MPI_Finalize();
    return 0; /* a failed residual is the reader's to judge: it is in the output */
}
