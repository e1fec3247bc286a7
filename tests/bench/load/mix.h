/*
 * mix: what is asked for: routes with weights, and the keys of each.
 *
 * A route's path may hold one %d, which becomes a number of its range; or the route is a file of paths,
 * one a line. At random both by weight and by key, or in turn: route by route, and key by key.
 *
 * The text form, one route a line, blanks between the words, # starts a comment:
 *
 *     WEIGHT NAME PATH [FROM-TO]
 *     WEIGHT NAME @FILE
 *
 * Everything belongs to the mix until mix_free. One thread at a time.
 */
#ifndef VITRINE_BENCH_LOAD_MIX_H
#define VITRINE_BENCH_LOAD_MIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MIX_ROUTES_MAX = 16,
    MIX_NAME_MAX = 31,
    MIX_PATH_MAX = 1023,
    MIX_LINES_MAX = 1 << 22, /* of a file of paths or bodies */
    MIX_LINE_MAX = 16384,
    MIX_REQUEST_MAX = MIX_LINE_MAX + 4096,
};

/* The lines of a file, without their ends. */
struct lines {
    char **line;
    size_t count;
};

struct route {
    char name[MIX_NAME_MAX + 1];
    unsigned weight;
    char before[MIX_PATH_MAX + 1]; /* the number */
    char after[MIX_PATH_MAX + 1];
    bool has_number;
    uint64_t from;
    uint64_t span;      /* numbers from FROM on */
    struct lines paths; /* instead of all this, when there are any */
    uint64_t asked;     /* requests so far: what is next in turn */
};

struct mix {
    struct route routes[MIX_ROUTES_MAX];
    unsigned route_count;
    unsigned weights;    /* of all routes */
    struct lines bodies; /* requests are POST with one of them at random; none: GET */
    uint64_t random;     /* state, never 0 */
    uint64_t asked;
    bool is_in_turn;
    char host[64];
};

/* Where a text ends the program: it says what is wrong with which line, and exits with 2. */

void mix_add(struct mix *mix, unsigned weight, const char *name, const char *path,
             const char *keys);
void mix_read(struct mix *mix, const char *file);
void mix_read_bodies(struct mix *mix, const char *file);
void mix_seed(struct mix *mix, uint64_t seed);

/* Writes the next request to BUFFER, of MIX_REQUEST_MAX bytes: its size; ROUTE becomes its route. */
size_t mix_next(struct mix *mix, char *buffer, unsigned *route);

void mix_free(struct mix *mix);

#endif
