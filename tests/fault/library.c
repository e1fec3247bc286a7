#include "library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/file_copy.h"
#include "builder/build.h"
#include "replica/format.h"
#include "builder/import.h"
#include "replica/root.h"
#include "source/source.h"

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != ERR_NONE) {                                                                  \
            fail_msg("%s: %s", #call, msg.text);                                                   \
        }                                                                                          \
    } while (0)

/* ---- making ---- */

static void copy_export(const struct library *library, const char *name, const char *more)
{
    struct buffer text;
    struct errmsg msg;
    char *from = path_join(TEST_ASSETS "/library", "%s", name);
    char *to = path_join(library->folder, "%s", name);

    buffer_init(&text, 1 << 24);
    OK(file_read(from, &text, &msg));
    buffer_append_str(&text, more);
    OK(file_write(to, buffer_slice(&text), &msg));
    buffer_free(&text);
    free(from);
    free(to);
}

/* Loans of one branch, so many that the key is stored in chunks when there are more than 256. */
static char *more_loans(unsigned count)
{
    struct buffer text;

    buffer_init(&text, 1 << 24);
    buffer_append_str(&text, "");
    for (unsigned i = 0; i < count; i++) {
        buffer_printf(&text, "%u,Overdue,isbn %u,2020-%02u-%02uT08:%02u:00Z,%u,\n", 100000 + i,
                      i % 7, i % 12 + 1, i % 28 + 1, i % 60, i % 31);
    }
    buffer_append_byte(&text, '\0');
    return text.ptr;
}

static void import_all(struct library *library)
{
    char *rejects = path_join(library->folder, "rejects.csv");
    struct import_options options = {.folder = library->folder, .rejects_path = rejects};
    struct definition *definition = NULL;
    struct source *source = NULL;
    struct import_plan plan;
    struct errmsg msg;

    OK(definition_load(library->definition, &definition, &msg));
    OK(import_plan(definition, &options, &plan, &msg));
    OK(source_open(library->url, SOURCE_WRITE, &source, &msg));
    OK(import_run(&plan, source, &msg));
    source_close(source);
    import_plan_free(&plan);
    definition_free(definition);
    free(rejects);
}

void library_make(struct library *library, unsigned branch_loans)
{
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    char *loans = more_loans(branch_loans);
    struct errmsg msg;

    OK(signing_key_generate(&library->key, &msg));
    snprintf(library->folder, sizeof library->folder, "%s/vitrine_fault_XXXXXX", memory);
    assert_non_null(mkdtemp(library->folder));
    snprintf(library->definition, sizeof library->definition, "%s",
             TEST_ASSETS "/library/definition.yaml");
    snprintf(library->url, sizeof library->url, "sqlite:%s/library.db", library->folder);
    snprintf(library->root, sizeof library->root, "%s/root", library->folder);
    copy_export(library, "books.csv", "");
    copy_export(library, "authors.csv", "");
    copy_export(library, "loans.csv", loans);
    free(loans);
    import_all(library);
}

void library_make_other(const struct library *library, char *url, size_t size)
{
    static const char sql[] =
        "UPDATE books SET title = title || ', abridged' WHERE isbn = (SELECT min(isbn) FROM books);"
        "DELETE FROM loans WHERE branch = 'a+b&c=d';"
        "INSERT INTO loans SELECT 99999, 'Zoo', isbn, borrowed, days, remark FROM loans"
        " WHERE id = 100000;"
        "UPDATE loans SET remark = 'lost', days = days + 1 WHERE id = 100007;"
        "DELETE FROM loans WHERE id IN (SELECT id FROM loans WHERE branch = 'Overdue'"
        " ORDER BY id LIMIT -1 OFFSET 240)";
    char *from = path_join(library->folder, "library.db");
    char *to = path_join(library->folder, "other.db");
    sqlite3 *db = NULL;
    struct errmsg msg;

    OK(file_copy(from, to, COPY_SHARES, &msg));
    assert_int_equal(sqlite3_open(to, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    snprintf(url, size, "sqlite:%s", to);
    free(from);
    free(to);
}

void library_remove(struct library *library)
{
    struct errmsg msg;

    OK(dir_remove(library->folder, &msg));
    signing_key_free(library->key);
}

enum err library_build(const struct library *library, uint64_t *number, struct errmsg *msg)
{
    struct build_options options = {.definition = library->definition,
                                    .source = library->url,
                                    .root = library->root,
                                    .keep = 2,
                                    .jobs = 1,
                                    .partition_rows = PARTITION_ROWS_MAX,
                                    .force = true,
                                    .fresh = !library->is_delta,
                                    .accepted = 1 << CHECK_SHRINK | 1 << CHECK_GROWTH,
                                    .sign = library->key};
    struct build_result result;
    enum err rc = build_release(&options, false, &result, msg);

    *number = result.number;
    return rc;
}

char *library_current(const struct library *library)
{
    struct errmsg msg;
    char *dir = NULL;

    OK(root_current(library->root, &dir, &msg));
    return dir;
}

/* ---- reading ---- */

enum { PAGE = 500 };

/* The texts of the first column of SQL. */
static void find_keys(struct source *source, const struct collection *collection,
                      struct library_keys *out, unsigned index)
{
    struct source_rows *rows = NULL;
    const struct value *row = NULL;
    struct buffer sql;
    struct errmsg msg;

    assert_true(collection->key_is_text);
    buffer_init(&sql, 1 << 20);
    buffer_printf(&sql, "SELECT DISTINCT %.*s FROM (%.*s\n) ORDER BY 1",
                  SLICE_ARG(collection->key_column), SLICE_ARG(collection->rows));
    OK(source_query(source, buffer_str(&sql), NULL, 0, 1, &rows, &msg));
    out->keys[index] = arena_calloc(&out->arena, PAGE, sizeof(struct key));
    for (;;) {
        OK(source_rows_next(rows, &row, &msg));
        if (row == NULL) {
            break;
        }
        assert_true(out->counts[index] < PAGE);
        out->keys[index][out->counts[index]++] =
            (struct key){.is_text = true, .text = arena_copy(&out->arena, row[0].text)};
    }
    source_rows_close(rows);
    buffer_free(&sql);
}

void library_find_keys(const struct library *library, struct library_keys *out)
{
    struct definition *definition = NULL;
    struct source *source = NULL;
    struct errmsg msg;

    *out = (struct library_keys){.counts = {0}};
    arena_init(&out->arena, 1 << 16);
    OK(definition_load(library->definition, &definition, &msg));
    OK(source_open(library->url, SOURCE_READ, &source, &msg));
    for (unsigned i = 0; i < definition->collection_count; i++) {
        find_keys(source, &definition->collections[i], out, i);
        assert_true(out->counts[i] > 0);
    }
    source_close(source);
    definition_free(definition);
}

void library_keys_free(struct library_keys *keys)
{
    arena_free(&keys->arena);
}

static void mix(uint64_t *hash, const void *bytes, size_t size)
{
    *hash = XXH3_64bits_withSeed(bytes, size, *hash);
}

static enum err read_row(const struct collection *collection, const struct chunk *chunk,
                         uint32_t row, uint64_t *hash, struct errmsg *msg)
{
    for (unsigned i = 0; i < collection->field_count; i++) {
        const struct field *field = &collection->fields[i];
        struct slice text;
        int64_t integer;

        if (field->is_hidden) {
            continue;
        }
        if (!scalar_is_text(&field->scalar)) {
            if (vector_integer(&chunk->vectors[field->vector], row, &integer)) {
                mix(hash, &integer, sizeof integer);
            }
            continue;
        }
        switch (vector_text(&chunk->vectors[field->vector], row, &text)) {
        case VECTOR_VALUE:
            mix(hash, text.ptr, text.len);
            break;
        case VECTOR_DAMAGED:
            return err_set(msg, ERR_CORRUPT, "the text of %.*s is damaged", SLICE_ARG(field->name));
        default:
            break;
        }
    }
    return ERR_NONE;
}

static enum err read_key(struct reader *reader, unsigned collection_index, const struct key *key,
                         struct arena *arena, uint64_t *hash, uint64_t *rows_read,
                         struct errmsg *msg)
{
    const struct collection *collection =
        &reader_release(reader)->definition->collections[collection_index];
    unsigned orders = collection->order_count > 0 ? collection->order_count : 1;
    struct group group;
    bool found;
    enum err rc = ERR_NONE;

    for (unsigned order = 0; rc == ERR_NONE && order < orders; order++) {
        const struct chunk *chunk = NULL;
        struct rows rows;
        uint32_t row;

        rc = reader_find(reader, collection_index, key, arena, &group, &found, msg);
        mix(hash, &found, 1);
        if (rc != ERR_NONE || !found) {
            return rc;
        }
        group_rows(&group, order, 0, UINT64_MAX, UINT64_MAX, &rows);
        while (rc == ERR_NONE && (rc = rows_next(&rows, &chunk, &row, msg)) == ERR_NONE &&
               chunk != NULL) {
            rc = read_row(collection, chunk, row, hash, msg);
            (*rows_read)++;
        }
    }
    return rc;
}

static enum err read_listing(struct reader *reader, unsigned collection_index, unsigned listing,
                             struct arena *arena, uint64_t *hash, struct errmsg *msg)
{
    struct key *keys = arena_calloc(arena, PAGE, sizeof *keys);
    uint64_t count = reader_listing_count(reader, collection_index, listing);
    enum err rc = ERR_NONE;

    for (uint64_t first = 0; rc == ERR_NONE && first < count; first += PAGE) {
        uint32_t got = 0;

        rc = reader_listing(reader, collection_index, listing, first, PAGE, arena, keys, &got, msg);
        for (uint32_t i = 0; rc == ERR_NONE && i < got; i++) {
            mix(hash, keys[i].text.ptr, keys[i].text.len);
        }
    }
    return rc;
}

/* The first error is kept, but reading goes on: what is behind damage must not crash either. */
static void keep_first(enum err *rc, struct errmsg *msg, enum err next, const struct errmsg *said)
{
    if (next != ERR_NONE && (*rc == ERR_NONE || said->text[0] == '\0')) {
        *rc = next;
        *msg = *said;
    }
}

/* What one call of library_read is at. */
struct reading {
    struct reader *reader;
    const struct library_keys *keys;
    const char *file; /* NULL: all */
    struct arena arena;
    uint64_t hash;
    uint64_t rows;
};

static bool is_wanted(const struct reading *reading, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool is_wanted(const struct reading *reading, const char *fmt, ...)
{
    char name[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    return reading->file == NULL || strcmp(reading->file, name) == 0;
}

static enum err read_collection(struct reading *reading, unsigned index, struct errmsg *msg)
{
    const struct definition *definition = reader_release(reading->reader)->definition;
    const struct collection *collection = &definition->collections[index];
    struct errmsg said;
    enum err rc = ERR_NONE;
    bool has_rows = is_wanted(reading, "%.*s/0001.db", SLICE_ARG(collection->name));

    for (unsigned k = 0; has_rows && k < reading->keys->counts[index]; k++) {
        said.text[0] = '\0';
        keep_first(&rc, msg,
                   read_key(reading->reader, index, &reading->keys->keys[index][k], &reading->arena,
                            &reading->hash, &reading->rows, &said),
                   &said);
        arena_reset(&reading->arena);
    }
    for (unsigned k = 0; k < collection->listing_count; k++) {
        if (is_wanted(reading, "%.*s/%.*s.listing.db", SLICE_ARG(collection->name),
                      SLICE_ARG(collection->listings[k].order.name))) {
            said.text[0] = '\0';
            keep_first(
                &rc, msg,
                read_listing(reading->reader, index, k, &reading->arena, &reading->hash, &said),
                &said);
            arena_reset(&reading->arena);
        }
    }
    return rc;
}

enum err library_read(struct release *release, const struct library_keys *keys, const char *file,
                      uint64_t *hash, uint64_t *rows, struct errmsg *msg)
{
    struct reading reading = {.keys = keys, .file = file};
    enum err rc = reader_open(release, &reading.reader, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    arena_init(&reading.arena, 1 << 16);
    for (unsigned i = 0; i < release->definition->collection_count; i++) {
        struct errmsg said = {""};

        keep_first(&rc, msg, read_collection(&reading, i, &said), &said);
    }
    reader_close(reading.reader);
    arena_free(&reading.arena);
    *hash = reading.hash;
    *rows = reading.rows;
    return rc;
}

/* ---- one file ---- */

/* Whether FILE is the listing number I of COLLECTION. */
static bool is_listing(const struct manifest_file *file, const struct collection *collection,
                       unsigned i)
{
    return file->kind == FILE_LISTING &&
           slice_equal(file->listing, collection->listings[i].order.name);
}

void library_narrow(const struct release *whole, const struct library_keys *keys,
                    struct manifest_file *file, struct library_narrow *out)
{
    const struct definition *definition = whole->definition;
    unsigned index = 0;
    unsigned listings;

    while (!slice_equal(definition->collections[index].name, file->collection)) {
        index++;
    }
    *out = (struct library_narrow){
        .manifest = *whole->manifest,
        .collection = definition->collections[index],
        .definition = *definition,
        .keys = {.keys = {keys->keys[index]}, .counts = {keys->counts[index]}}};
    listings = out->collection.listing_count;
    out->collection.listing_count = 0;
    for (unsigned i = 0; i < listings; i++) {
        if (is_listing(file, &definition->collections[index], i)) {
            out->collection.listings = &definition->collections[index].listings[i];
            out->collection.listing_count = 1;
        }
    }
    out->manifest.files = file;
    out->manifest.file_count = 1;
    out->definition.collections = &out->collection;
    out->definition.collection_count = 1;
    out->release = (struct release){
        .dir = whole->dir, .manifest = &out->manifest, .definition = &out->definition};
    atomic_init(&out->release.references, 1);
}
