/* A plain-text answer in place of the usual one, as a definition declares it. */
#ifndef VITRINE_DEFINITION_FAILURE_H
#define VITRINE_DEFINITION_FAILURE_H

#include "base/slice.h"

struct failure {
    unsigned status; /* 0 when the route does not declare it */
    struct slice text;
};

#endif
