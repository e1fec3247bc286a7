#include <libgen.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "source/source_sqlite.h"

enum { FREE_PAGES_MOST = 8 /* one page in so many may be free before the file is packed anew */ };

struct load_sqlite {
    struct source_load base;
    struct source_sqlite *source;
    const struct table *table;
    sqlite3_stmt *insert;
};

/* ---- settings of loading ---- */

static char *folder_of(const struct source_sqlite *source)
{
    char *copy = memory_copy_str(source->path);
    char *folder = memory_copy_str(dirname(copy));

    free(copy);
    return folder;
}

/*
 * With a rollback journal a load that appends writes each page once and journals next to nothing;
 * the write-ahead log would take every page twice. When somebody else has the database open it
 * stays in WAL mode, which is only slower. Nothing is synced before source_settle: a killed import
 * rolls back, a power cut during one may cost the file, and the import is run again. Sorting spills
 * into the database's folder, which has room for it if anything has.
 */
static enum err bulk_begin(struct source_sqlite *source, struct errmsg *msg)
{
    if (source->is_bulk) {
        return ERR_NONE;
    }
    source->is_bulk = true;
    if (sqlite3_temp_directory == NULL) {
        char *folder = folder_of(source);

        sqlite3_temp_directory = sqlite3_mprintf("%s", folder);
        source->owns_temp_folder = true;
        free(folder);
    }
    (void)sqlite3_exec(source->db, "PRAGMA journal_mode = TRUNCATE", NULL, NULL, NULL);
    return sqlite_run(source,
                      "PRAGMA synchronous = OFF; PRAGMA secure_delete = OFF;"
                      "PRAGMA cache_size = -131072; PRAGMA temp_store = FILE;"
                      "PRAGMA analysis_limit = 1000",
                      msg);
}

/* Whether somebody else has the database open: it stays in WAL mode then, or went back to it. */
static bool is_shared(struct source_sqlite *source)
{
    sqlite3_stmt *statement = NULL;
    bool is_wal =
        sqlite3_prepare_v2(source->db, "PRAGMA journal_mode", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW &&
        strcmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;

    sqlite3_finalize(statement);
    return is_wal;
}

/*
 * What a writer was told to be on disk must not be moved by a checkpoint of ours that syncs nothing. Which
 * mode it is shows once the lock is held; synchronous is set outside of transactions only.
 */
static enum err begin_load(struct source_sqlite *source, struct errmsg *msg)
{
    enum err rc = sqlite_run(source, "BEGIN IMMEDIATE", msg);

    if (rc != ERR_NONE || source->is_careful || !is_shared(source)) {
        return rc;
    }
    source->is_careful = true;
    return sqlite_run(source, "ROLLBACK; PRAGMA synchronous = FULL; BEGIN IMMEDIATE", msg);
}

static void release_temp_folder(struct source_sqlite *source)
{
    if (source->owns_temp_folder) {
        sqlite3_free(sqlite3_temp_directory);
        sqlite3_temp_directory = NULL;
        source->owns_temp_folder = false;
    }
}

static enum err sync_database(struct source_sqlite *source, struct errmsg *msg)
{
    char *folder = folder_of(source);
    enum err rc = file_sync(source->path, msg);

    if (rc == ERR_NONE) {
        rc = dir_sync(folder, msg);
    }
    free(folder);
    return rc;
}

static enum err leave_bulk(struct source_sqlite *source, struct errmsg *msg)
{
    enum err rc = sqlite_run(source,
                             "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                             "PRAGMA wal_checkpoint(TRUNCATE)",
                             msg);

    source->is_bulk = false;
    source->is_careful = false;
    release_temp_folder(source);
    return rc == ERR_NONE ? sync_database(source, msg) : rc;
}

void sqlite_bulk_end(struct source_sqlite *source)
{
    struct errmsg msg;

    if (leave_bulk(source, &msg) != ERR_NONE) {
        log_warn("source_not_synced", "reason=\"%s\"", msg.text);
    }
}

/* ---- loading ---- */

static enum err run_buffer(struct source_sqlite *source, struct buffer *sql, struct errmsg *msg)
{
    if (sql->overflowed) {
        return err_set(msg, ERR_LIMIT, "a statement is longer than %d bytes", SQLITE_SQL_MAX);
    }
    return sqlite_run(source, buffer_str(sql), msg);
}

static enum err create_table(struct load_sqlite *load, struct buffer *sql, struct errmsg *msg)
{
    enum err rc;

    sqlite_create_sql(sql, load->table);
    rc = run_buffer(load->source, sql, msg);
    if (rc != ERR_NONE) {
        return rc;
    }
    buffer_clear(sql);
    sqlite_insert_sql(sql, load->table);
    if (sqlite3_prepare_v3(load->source->db, buffer_str(sql), -1, SQLITE_PREPARE_PERSISTENT,
                           &load->insert, NULL) != SQLITE_OK) {
        return sqlite_error(load->source, buffer_str(sql), msg);
    }
    return ERR_NONE;
}

void sqlite_load_abandon(struct source_load *base)
{
    struct load_sqlite *load = (struct load_sqlite *)base;

    sqlite3_finalize(load->insert);
    sqlite3_exec(load->source->db, "ROLLBACK", NULL, NULL, NULL);
    free(load);
}

enum err sqlite_load_begin(struct source *base, const struct table *table, struct source_load **out,
                           struct errmsg *msg)
{
    struct load_sqlite *load = memory_calloc(1, sizeof *load);
    struct buffer sql;
    enum err rc;

    load->base.operations = base->operations;
    load->source = (struct source_sqlite *)base;
    load->table = table;
    buffer_init(&sql, SQLITE_SQL_MAX);
    rc = bulk_begin(load->source, msg);
    if (rc == ERR_NONE) {
        rc = begin_load(load->source, msg);
    }
    if (rc == ERR_NONE) {
        rc = create_table(load, &sql, msg);
    }
    buffer_free(&sql);
    if (rc != ERR_NONE) {
        sqlite_load_abandon(&load->base);
        return rc;
    }
    *out = &load->base;
    return ERR_NONE;
}

/* The record is refused when its key is taken; anything else is the database's trouble. */
static enum err refusal(const struct load_sqlite *load, const struct value *values, int result,
                        struct errmsg *msg)
{
    if (load->table->primary_key < 0 ||
        (result != SQLITE_CONSTRAINT_PRIMARYKEY && result != SQLITE_CONSTRAINT_ROWID)) {
        return sqlite_error(load->source, sqlite3_sql(load->insert), msg);
    }
    return source_key_taken(load->table, values, msg);
}

enum err sqlite_load_row(struct source_load *base, const struct value *values, struct errmsg *msg)
{
    struct load_sqlite *load = (struct load_sqlite *)base;
    const struct table *table = load->table;
    int result;

    /* To SQLite a null INTEGER PRIMARY KEY means "choose one", and a null TEXT one is legal. */
    if (table->primary_key >= 0 && values[table->primary_key].type == VALUE_NULL) {
        return err_set(msg, ERR_INPUT, "%.*s is null",
                       SLICE_ARG(table->columns[table->primary_key].name));
    }
    for (unsigned i = 0; i < table->column_count; i++) {
        result = sqlite_bind(load->insert, (int)i + 1, &values[i], SQLITE_STATIC);
        if (result != SQLITE_OK) {
            return sqlite_error(load->source, sqlite3_sql(load->insert), msg);
        }
    }
    result = sqlite3_step(load->insert);
    if (result != SQLITE_DONE) {
        enum err rc = refusal(load, values, result, msg);

        sqlite3_reset(load->insert);
        return rc;
    }
    sqlite3_reset(load->insert);
    return ERR_NONE;
}

enum err sqlite_load_finish(struct source_load *base, struct errmsg *msg)
{
    struct load_sqlite *load = (struct load_sqlite *)base;
    struct source_step step = source_step_begin("indexes of", load->table->name);
    struct buffer sql;
    enum err rc = ERR_NONE;

    buffer_init(&sql, SQLITE_SQL_MAX);
    for (unsigned i = 0; i < load->table->index_count && rc == ERR_NONE; i++) {
        buffer_clear(&sql);
        sqlite_index_sql(&sql, load->table, &load->table->indexes[i]);
        rc = sqlite_run_step(load->source, buffer_str(&sql), &step, msg);
    }
    buffer_free(&sql);
    if (rc == ERR_NONE) {
        rc = sqlite_keep_record(load->source, load->table, base->record, msg);
    }
    if (rc == ERR_NONE) {
        rc = sqlite_run(load->source, "COMMIT", msg);
    }
    if (rc != ERR_NONE) {
        sqlite_load_abandon(base);
        return rc;
    }
    sqlite3_finalize(load->insert);
    free(load);
    return ERR_NONE;
}

/* ---- settling ---- */

/* A table loaded anew leaves the pages of the old one behind; mostly they are used again. */
static enum err pack(struct source_sqlite *source, struct errmsg *msg)
{
    struct source_step step = source_step_begin("packing", slice_str(source->path));
    int64_t free_pages;
    int64_t pages;
    enum err rc = sqlite_ask(source, "PRAGMA freelist_count", &free_pages, msg);

    if (rc == ERR_NONE) {
        rc = sqlite_ask(source, "PRAGMA page_count", &pages, msg);
    }
    if (rc != ERR_NONE || free_pages <= pages / FREE_PAGES_MOST) {
        return rc;
    }
    return sqlite_run_step(source, "VACUUM", &step, msg);
}

enum err sqlite_settle(struct source *base, struct errmsg *msg)
{
    struct source_sqlite *source = (struct source_sqlite *)base;
    struct source_step step = source_step_begin("statistics of", slice_str(source->path));
    bool needs = false;
    enum err rc = sqlite_needs_settling(source, &needs, msg);

    if (rc != ERR_NONE || !needs) {
        return rc;
    }
    rc = bulk_begin(source, msg);
    if (rc == ERR_NONE) {
        rc = begin_load(source, msg);
    }
    if (rc == ERR_NONE) {
        rc = sqlite_run_step(source, "COMMIT; ANALYZE", &step, msg);
    }
    if (rc == ERR_NONE) {
        rc = pack(source, msg);
    }
    if (rc == ERR_NONE) {
        rc = sqlite_mark_settled(source, msg);
    }
    return rc == ERR_NONE ? leave_bulk(source, msg) : rc;
}
