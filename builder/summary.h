/* The table at the end of a build: rows, keys, bytes in and out of each collection. */
#ifndef VITRINE_BUILDER_SUMMARY_H
#define VITRINE_BUILDER_SUMMARY_H

#include "builder/build.h"
#include "builder/work.h"

/* Prints to stdout; RESULTS has one entry a collection. */
void summary_print(const struct definition *definition, const struct work_result *results,
                   const struct build_result *total);

#endif
