#include "base/timestamp.h"
#include "source/writer_sqlite.h"

enum { EXPIRE_BASE = 8 /* keys forgotten in a batch, and two for each that was kept */ };

static const char find_sql[] = "SELECT fingerprint, status, body FROM " WRITER_ANSWERS_TABLE
                               " WHERE key = ?1 AND expires_ms > ?2";

static const char keep_sql[] =
    "INSERT OR REPLACE INTO " WRITER_ANSWERS_TABLE " VALUES (?1, ?2, ?3, ?4, ?5)";

static const char expire_sql[] =
    "DELETE FROM " WRITER_ANSWERS_TABLE " WHERE key IN (SELECT key FROM " WRITER_ANSWERS_TABLE
    " WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2)";

static sqlite3_stmt *prepare(struct writer_sqlite *writer, const char *sql)
{
    return sqlite_cached(writer, slice_str(sql));
}

static int bind_text(sqlite3_stmt *statement, int index, struct slice text)
{
    return sqlite3_bind_text64(statement, index, text.len == 0 ? "" : text.ptr, text.len,
                               SQLITE_STATIC, SQLITE_UTF8);
}

static enum write_outcome replay(struct write_job *job, sqlite3_stmt *statement)
{
    const char *body;

    if ((uint64_t)sqlite3_column_int64(statement, 0) != job->fingerprint) {
        err_set(&job->msg, ERR_INPUT, "the key was used for another request");
        return WRITE_KEY_CONFLICT;
    }
    job->is_replay = true;
    job->status = (unsigned)sqlite3_column_int(statement, 1);
    body = (const char *)sqlite3_column_text(statement, 2);
    buffer_append(&job->body, body, (size_t)sqlite3_column_bytes(statement, 2));
    return WRITE_DONE;
}

enum write_outcome sqlite_key_find(struct writer_sqlite *writer, struct write_job *job, bool *found)
{
    sqlite3_stmt *statement = prepare(writer, find_sql);
    enum write_outcome outcome = WRITE_DONE;
    int result;

    *found = false;
    if (statement == NULL) {
        return sqlite_job_failed(writer, job, find_sql, SQLITE_ERROR);
    }
    bind_text(statement, 1, job->key);
    sqlite3_bind_int64(statement, 2, job->now_ms);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        *found = true;
        outcome = replay(job, statement);
    } else if (result != SQLITE_DONE) {
        outcome = sqlite_job_failed(writer, job, find_sql, result);
    }
    sqlite3_reset(statement);
    return outcome;
}

enum write_outcome sqlite_key_keep(struct writer_sqlite *writer, struct write_job *job)
{
    sqlite3_stmt *statement = prepare(writer, keep_sql);
    enum write_outcome outcome = WRITE_DONE;
    int result;

    if (statement == NULL) {
        return sqlite_job_failed(writer, job, keep_sql, SQLITE_ERROR);
    }
    bind_text(statement, 1, job->key);
    sqlite3_bind_int64(statement, 2, (int64_t)job->fingerprint);
    sqlite3_bind_int64(statement, 3, job->status);
    bind_text(statement, 4, buffer_slice(&job->body));
    sqlite3_bind_int64(statement, 5, job->now_ms + writer->base.options.keep_keys_ms);
    result = sqlite3_step(statement);
    if (result != SQLITE_DONE) {
        outcome = sqlite_job_failed(writer, job, keep_sql, result);
    }
    sqlite3_reset(statement);
    writer->keys_kept++;
    return outcome;
}

int sqlite_keys_expire(struct writer_sqlite *writer)
{
    sqlite3_stmt *statement;
    int result;

    if (writer->keys_kept == 0) {
        return SQLITE_OK;
    }
    statement = prepare(writer, expire_sql);
    if (statement == NULL) {
        return SQLITE_ERROR;
    }
    sqlite3_bind_int64(statement, 1, timestamp_now_ms());
    sqlite3_bind_int64(statement, 2, EXPIRE_BASE + 2 * (int64_t)writer->keys_kept);
    result = sqlite3_step(statement);
    sqlite3_reset(statement);
    return result == SQLITE_DONE ? SQLITE_OK : result;
}
