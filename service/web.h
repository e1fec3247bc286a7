/*
 * The files of the status page, in the program: assets/web, turned into bytes by the build.
 *
 * Thread-safety: read-only.
 */
#ifndef VITRINE_SERVICE_WEB_H
#define VITRINE_SERVICE_WEB_H

#include <stddef.h>

struct web_file {
    const char *name; /* "status.html"; NULL: the end of the table */
    const char *ptr;
    size_t size;
};

extern const struct web_file web_files[];

#endif
