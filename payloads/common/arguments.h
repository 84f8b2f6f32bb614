/*
 * Arguments of a command line that is written by payload.toml: what is not understood ends the program with status 2.
 */
#ifndef BENCHTUI_ARGUMENTS_H
#define BENCHTUI_ARGUMENTS_H

#include "common.h"

/* A whole number in its bounds; `text` may be NULL, the end of argv. */
static inline int parse_count(const char *text, int low, int high) {
    char *end;
    long value = text ? strtol(text, &end, 10) : 0;
    if (!text || end == text || *end || value < low || value > high) {
        fprintf(stderr, "a number from %d to %d is needed, not %s\n", low, high, text ? text : "nothing");
        exit(2);
    }
    return (int)value;
}

#endif
