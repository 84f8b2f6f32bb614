/*
 * The clock of the CPU this runs on, as a chain of dependent additions shows it (chain.h): 20 windows of 0.8 ms, so
 * that one of them is free of interruption. One JSON object on stdout: greatest, mean and least of the windows in MHz.
 * The greatest is the clock; a mean well below it says that the CPU was taken away meanwhile.
 *
 *   clock [windows]
 */
#include "chain.h"

int main(int argc, char **argv) {
    const double window_seconds = 8e-4;
    long windows = argc > 1 ? strtol(argv[1], NULL, 10) : 20;
    if (windows < 1 || windows > 10000) {
        fputs("clock: 1 to 10000 windows\n", stderr);
        return 2;
    }
    double greatest = 0.0, least = HUGE_VAL, sum = 0.0;
    for (long k = 0; k < windows; k++) {
        double hertz = clock_hertz(1, window_seconds);
        if (hertz > greatest) greatest = hertz;
        if (hertz < least) least = hertz;
        sum += hertz;
    }
    json_open();
    json_real("mhz_max", 1e-6 * greatest);
    json_real("mhz_mean", 1e-6 * sum / (double)windows);
    json_real("mhz_min", 1e-6 * least);
    json_integer("windows", windows);
    json_close();
    return 0;
}
