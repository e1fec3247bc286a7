#include "source/source.h"

#include <string.h>

#include "base/interrupt.h"
#include "source/driver.h"

static const struct scheme {
    const char *prefix;
    const struct source_operations *operations;
    const char *example;
} schemes[] = {
    {"sqlite:", &source_sqlite_operations, "sqlite:FILE"},
    {"postgres:", &source_postgres_operations, "postgres://USER@HOST/DATABASE"},
    {"postgresql:", &source_postgres_operations, "postgresql://USER@HOST/DATABASE"},
};

enum { SCHEME_COUNT = sizeof schemes / sizeof schemes[0] };

static const struct scheme *find_scheme(const char *url)
{
    for (unsigned i = 0; i < SCHEME_COUNT; i++) {
        if (strncmp(url, schemes[i].prefix, strlen(schemes[i].prefix)) == 0) {
            return &schemes[i];
        }
    }
    return NULL;
}

/* The text of a URL up to its scheme: what stands behind it may hold a password. */
static int scheme_len(const char *url)
{
    size_t len = strcspn(url, ":");

    return len > 40 ? 40 : (int)len;
}

enum err source_find_operations(const char *url, const struct source_operations **out,
                                const char **place, struct errmsg *msg)
{
    const struct scheme *scheme = find_scheme(url);

    if (scheme == NULL) {
        return err_set(msg, ERR_USAGE, "a source is written as %s or %s, not as \"%.*s%s\"",
                       schemes[0].example, schemes[1].example, scheme_len(url), url,
                       strchr(url, ':') == NULL ? "" : ":...");
    }
    if (url[strlen(scheme->prefix)] == '\0') {
        return err_set(msg, ERR_USAGE, "the source \"%s\" names nothing; write %s", url,
                       scheme->example);
    }
    *out = scheme->operations;
    *place = url + strlen(scheme->prefix);
    return ERR_NONE;
}

enum err source_open(const char *url, enum source_mode mode, struct source **out,
                     struct errmsg *msg)
{
    const struct source_operations *operations;
    const char *place;
    enum err rc = source_find_operations(url, &operations, &place, msg);

    return rc == ERR_NONE ? operations->open(place, mode, out, msg) : rc;
}

void source_close(struct source *source)
{
    if (source != NULL) {
        source->operations->close(source);
    }
}

const struct source_dialect *source_dialect(const struct source *source)
{
    return &source->operations->dialect;
}

void source_stop_on(struct source *source, const atomic_bool *stop)
{
    source->stop = stop;
}

bool source_is_stopped(const struct source *source)
{
    return interrupt_requested() || (source->stop != NULL && atomic_load(source->stop));
}

enum err source_begin(struct source *const *sources, unsigned count, struct errmsg *msg)
{
    return sources[0]->operations->begin(sources, count, msg);
}

void source_end(struct source *source)
{
    source->operations->end(source);
}

enum err source_position(struct source *source, struct buffer *out, struct errmsg *msg)
{
    return source->operations->position(source, out, msg);
}

enum err source_write_position(struct source *source, uint64_t *out, struct errmsg *msg)
{
    return source->operations->write_position(source, out, msg);
}

enum err source_has_table(struct source *source, struct slice table, bool *out, struct errmsg *msg)
{
    return source->operations->has_table(source, table, out, msg);
}

enum err source_query(struct source *source, const char *sql, const struct value *parameters,
                      unsigned parameter_count, unsigned column_count, struct source_rows **out,
                      struct errmsg *msg)
{
    return source->operations->query(source, sql, parameters, parameter_count, column_count, out,
                                     msg);
}

enum err source_rows_next(struct source_rows *rows, const struct value **row, struct errmsg *msg)
{
    return rows->operations->rows_next(rows, row, msg);
}

void source_rows_close(struct source_rows *rows)
{
    if (rows != NULL) {
        rows->operations->rows_close(rows);
    }
}

enum err source_load_begin(struct source *source, const struct table *table,
                           struct source_load **out, struct errmsg *msg)
{
    return source->operations->load_begin(source, table, out, msg);
}

enum err source_load_row(struct source_load *load, const struct value *values, struct errmsg *msg)
{
    return load->operations->load_row(load, values, msg);
}

void source_load_describe(struct source_load *load, const struct source_record *record)
{
    load->record = record;
}

enum err source_find_record(struct source *source, const struct table *table,
                            struct source_record *out, struct buffer *rejects, bool *found,
                            struct errmsg *msg)
{
    bool is_there = false;
    enum err rc = source_has_table(source, slice_str(SOURCE_RECORD_TABLE), &is_there, msg);

    *found = false;
    if (rc == ERR_NONE && is_there) {
        rc = source_has_table(source, table->name, &is_there, msg);
    }
    if (rc == ERR_NONE && is_there) {
        rc = source->operations->find_record(source, table, out, rejects, found, msg);
    }
    if (rc == ERR_NONE && *found && out->loaded > 0) {
        rc = source->operations->has_rows(source, table, found, msg);
    }
    return rc;
}

enum err source_load_finish(struct source_load *load, struct errmsg *msg)
{
    return load->operations->load_finish(load, msg);
}

void source_load_abandon(struct source_load *load)
{
    if (load != NULL) {
        load->operations->load_abandon(load);
    }
}

enum err source_settle(struct source *source, struct errmsg *msg)
{
    return source->operations->settle(source, msg);
}

enum err source_key_taken(const struct table *table, const struct value *values, struct errmsg *msg)
{
    const struct value *key = &values[table->primary_key];
    struct slice name = table->columns[table->primary_key].name;

    switch (key->type) {
    case VALUE_INTEGER:
        return err_set(msg, ERR_INPUT, "%.*s %lld is there already", SLICE_ARG(name),
                       (long long)key->integer);
    case VALUE_REAL:
        return err_set(msg, ERR_INPUT, "%.*s %.17g is there already", SLICE_ARG(name), key->real);
    default:
        return err_set(msg, ERR_INPUT, "%.*s \"%.*s\" is there already", SLICE_ARG(name),
                       key->text.len > 80 ? 80 : (int)key->text.len, key->text.ptr);
    }
}

enum err source_prepare(struct source *source, const struct definition *definition,
                        struct errmsg *msg)
{
    return source->operations->prepare(source, definition, msg);
}
