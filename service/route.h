/*
 * Which route of a definition a path and a method belong to.
 *
 * Good for: one walk down a tree of path segments a request.
 * Under the hood: a tree with one node a distinct beginning of a route; literal segments win over
 * parameters, from left to right, with a way back when a literal leads nowhere, or to other methods.
 * Lifetime: route_table_make allocates in the caller's arena; the definition outlives the table.
 * Thread-safety: read-only once made.
 */
#ifndef VITRINE_SERVICE_ROUTE_H
#define VITRINE_SERVICE_ROUTE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/slice.h"
#include "definition/definition.h"

struct route_node {
    struct slice literal;         /* of a literal child: what it matches */
    struct route_node *next;      /* the next literal child of the same parent */
    struct route_node *literals;  /* children that match their literal */
    struct route_node *parameter; /* the child that matches any segment, or NULL */
    int routes[ROUTE_METHODS];    /* that end here, by method; -1: none */
};

struct route_table {
    struct route_node root;
};

/* What a path matched: the route's place in the definition and the decoded segments. */
struct route_match {
    int route;        /* -1: the path has routes of other methods only */
    unsigned methods; /* route < 0: all that the path has, 1 << ROUTE_GET, 1 << ROUTE_POST ... */
    struct slice segments[DEFINITION_SEGMENTS_MAX];
    unsigned segment_count;
};

struct route_table *route_table_make(const struct definition *definition, struct arena *arena);

/*
 * Matches PATH, which is still percent-encoded: segments are split first and decoded then, so "%2F"
 * does not split. One trailing slash is ignored, an empty segment matches nothing. Decoded segments
 * live as long as PATH and ARENA. False when no route has that path; OUT is undefined then. METHOD
 * may be ROUTE_METHODS, for none: OUT->methods is what is of interest then.
 */
bool route_find(const struct route_table *table, struct slice path, enum route_method method,
                struct arena *arena, struct route_match *out);

#endif
