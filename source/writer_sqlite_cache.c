#include <stdlib.h>
#include <xxhash.h>

#include "base/arena.h"
#include "source/writer_sqlite.h"

void sqlite_cache_empty(struct statement_cache *cache)
{
    for (unsigned i = 0; i < SQLITE_CACHE_SLOTS; i++) {
        sqlite3_finalize(cache->slots[i].statement);
        free(cache->slots[i].text);
        cache->slots[i] = (struct cached_statement){.statement = NULL};
    }
    cache->used = 0;
}

static struct cached_statement *find_slot(struct statement_cache *cache, struct slice sql,
                                          uint64_t hash)
{
    unsigned i = (unsigned)hash % SQLITE_CACHE_SLOTS;

    for (;;) {
        struct cached_statement *slot = &cache->slots[i];

        if (slot->statement == NULL ||
            (slot->hash == hash && slice_equal(slice_of(slot->text, slot->len), sql))) {
            return slot;
        }
        i = (i + 1) % SQLITE_CACHE_SLOTS;
    }
}

sqlite3_stmt *sqlite_cached(struct writer_sqlite *writer, struct slice sql)
{
    struct statement_cache *cache = &writer->cache;
    uint64_t hash = XXH3_64bits(sql.ptr, sql.len);
    struct cached_statement *slot = find_slot(cache, sql, hash);
    sqlite3_stmt *statement;

    if (slot->statement != NULL) {
        return slot->statement;
    }
    if (sqlite3_prepare_v3(writer->source->db, sql.ptr, (int)sql.len, SQLITE_PREPARE_PERSISTENT,
                           &statement, NULL) != SQLITE_OK ||
        statement == NULL) {
        return NULL;
    }
    if (cache->used == SQLITE_CACHE_MAX) { /* definitions come and go: begin anew */
        sqlite_cache_empty(cache);
        slot = find_slot(cache, sql, hash);
    }
    *slot = (struct cached_statement){
        .statement = statement, .hash = hash, .text = memory_alloc(sql.len + 1), .len = sql.len};
    memcpy(slot->text, sql.ptr, sql.len);
    cache->used++;
    return statement;
}

int sqlite_do(struct writer_sqlite *writer, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement = sqlite_cached(writer, slice_str(sql));
    int result;

    if (statement == NULL) {
        return sqlite3_extended_errcode(writer->source->db);
    }
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        if (out != NULL) {
            *out = sqlite3_column_int64(statement, 0);
        }
    }
    sqlite3_reset(statement);
    return result == SQLITE_DONE ? SQLITE_OK : result;
}
