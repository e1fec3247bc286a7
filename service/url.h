/*
 * The target of a request: its path, its query, and what percent encoding hides in them.
 *
 * Good for: request targets, bounded by the parser before they come here.
 * Under the hood: slices of the target itself; only text that must be decoded is copied, into the
 * caller's arena.
 * Thread-safety: no state. Errors: none; a malformed "%" stands for itself.
 */
#ifndef VITRINE_SERVICE_URL_H
#define VITRINE_SERVICE_URL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/slice.h"

struct url {
    struct slice path;  /* "/loans/7"; "*" for the server itself; still encoded */
    struct slice query; /* what follows "?", still encoded; empty without one */
};

enum url_kind {
    URL_PATH,  /* %XX is decoded */
    URL_QUERY, /* %XX is decoded, and "+" is a blank */
};

/*
 * Splits a target. "http://host/path" counts as "/path", and what follows "#" is dropped.
 */
struct url url_split(struct slice target);

/* TEXT decoded: TEXT itself when there is nothing to decode, otherwise a copy in ARENA. */
struct slice url_decode(struct slice text, enum url_kind kind, struct arena *arena);

/*
 * The decoded value of the first parameter called NAME in QUERY; false when there is none.
 * A name without "=" has an empty value.
 */
bool url_parameter(struct slice query, struct slice name, struct arena *arena, struct slice *out);

/* The same, not decoded. */
bool url_parameter_raw(struct slice query, struct slice name, struct arena *arena,
                       struct slice *out);

/*
 * Takes the next segment off *PATH, which begins with "/" or is empty: "/a/b" gives "a" and leaves
 * "/b". False at the end. A trailing slash gives an empty last segment.
 */
bool url_next_segment(struct slice *path, struct slice *segment);

#endif
