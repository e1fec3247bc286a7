/*
 * Resuming an import: which tables hold their file already, by what the source recorded of them.
 *
 * A table is left alone when it is still there, its file has the size and hash of the one that was
 * loaded, the definition says the same of it, and its rejected records are at hand: they go to the
 * rejects file again, which thereby is that of an import that was never cut short.
 */
#ifndef VITRINE_BUILDER_IMPORT_RESUME_H
#define VITRINE_BUILDER_IMPORT_RESUME_H

#include "builder/import.h"
#include "builder/rejects.h"

/* XXH3-64 of all that decides what a load makes of a file: columns, rules, keys, indexes. */
uint64_t import_table_hash(const struct table *table);

/* Whether so many of RECORDS may be rejected. */
bool import_may_reject(const struct import_plan *plan, uint64_t records, uint64_t rejected);

/* Sets item->is_skipped and the counts, and writes its rejects, when it need not be loaded. */
MUST_CHECK enum err import_resume_table(const struct import_plan *plan, struct import_table *item,
                                        struct source *source, struct rejects *rejects,
                                        struct errmsg *msg);

#endif
