/*
 * The kinds of dirt, one table: which columns each takes and what it makes of a field. A new kind
 * is a function and a line.
 */
#ifndef VITRINE_BUILDER_GENERATE_DIRT_KINDS_H
#define VITRINE_BUILDER_GENERATE_DIRT_KINDS_H

#include "base/buffer.h"
#include "builder/generate_plan.h"

/* The first kinds change the record; those from KIND_FIRST_OF_FIELD on change one field. */
enum { KIND_SWAPPED, KIND_FIELD_MORE, KIND_FIELD_LESS, KIND_FIRST_OF_FIELD };

/* One field that is to be soiled. */
struct dirt_spot {
    const struct plan_column *column;
    struct slice field; /* as it stands in the clean record, quotes included */
    uint64_t chance;    /* for a kind with variants */
};

/* What a kind may ask of a column beside its type. */
enum dirt_need {
    NEEDS_NOTHING,
    NEEDS_OPTIONAL, /* may be null */
    NEEDS_REQUIRED,
    NEEDS_BOUNDS,
    NEEDS_KEY,   /* is the primary key */
    NEEDS_PLAIN, /* is not the primary key */
    NEEDS_DISTINCT,
};

struct dirt_kind {
    unsigned types; /* 0: the kind changes the record, not a field */
    enum dirt_need need;
    void (*soil)(struct buffer *out, const struct dirt_spot *spot);
};

extern const struct dirt_kind dirt_kinds[];
extern const unsigned dirt_kind_count;

#endif
