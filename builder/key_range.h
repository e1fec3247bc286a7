/*
 * Ranges of keys: a collection is built range by range, each of as many rows as one partition takes,
 * so that several threads can share the work and the files do not depend on how many there are.
 *
 * Under the hood: one SELECT counts the rows of each key in ascending order; a range ends before the
 * key that would take it beyond the limit. A key with more rows than that has a range of its own.
 *
 * Where partitions of a previous release are given, a range begins where each of them began, so that it
 * is built by changing that one; it may have grown a quarter beyond the limit before it is divided,
 * because the partitions of a fresh build are full and any new row would divide them all.
 */
#ifndef VITRINE_BUILDER_KEY_RANGE_H
#define VITRINE_BUILDER_KEY_RANGE_H

#include "base/arena.h"
#include "base/progress.h"
#include "definition/definition.h"
#include "replica/manifest.h"
#include "replica/reader.h"
#include "source/source.h"

/* LOW <= key < HIGH; all keys without either. */
struct key_range {
    bool has_low;
    bool has_high;
    struct key low;
    struct key high;
    uint64_t row_count;
    struct slice path;                /* of its partition in the release: "loans/0001.db" */
    const struct manifest_file *base; /* the previous partition; NULL: none */
};

struct key_ranges {
    struct arena arena; /* texts of keys, paths */
    struct key_range *items;
    unsigned count; /* at least 1: a collection without rows may have keys */
    uint64_t row_count;
};

/* The partitions of a collection in a previous release, ascending; they outlive the ranges. */
struct key_bases {
    const struct manifest_file **items;
    unsigned count;
};

/*
 * Divides COLLECTION into ranges of at most ROWS_MAX rows, unless one key has more, along BASES; the
 * caller passes OUT to key_ranges_free in any case. A range keeps the path of its base; the others get
 * the lowest numbers that are free. Each key that was counted is added to PROGRESS. ERR_REFUSED when
 * rows have no key, or a key has several rows and the collection no orders; ERR_INPUT when a key is not
 * of the definition's type, or the source does not sort keys as that type does.
 */
MUST_CHECK enum err key_ranges_read(struct source *source, const struct collection *collection,
                                    uint64_t rows_max, const struct key_bases *bases,
                                    struct progress *progress, struct key_ranges *out,
                                    struct errmsg *msg);
void key_ranges_free(struct key_ranges *ranges);

/* Whether a range has PATH. */
bool key_ranges_have(const struct key_ranges *ranges, struct slice path);

/*
 * Starts the stream of SQL, whose parameters ?1 and ?2 are the limits of RANGE. Arguments and errors
 * otherwise as source_query.
 */
MUST_CHECK enum err key_range_query(struct source *source, const struct key_range *range,
                                    const char *sql, unsigned column_count,
                                    struct source_rows **out, struct errmsg *msg);

#endif
