/*
 * A release in a folder of its own under /tmp, made by hand from blobs, without a builder.
 *
 *   fixture_setup / fixture_teardown      cmocka's; *state is the fixture
 *   fixture_begin(fixture, "shelves", TEXT)   a partition; then fixture_group, fixture_large ...
 *   fixture_end(fixture)
 *   fixture_publish(fixture)              definition, page hashes and manifest
 *   fixture_open(fixture)                 release and reader
 *
 * The collections are those of `definition_text`; a row is made of its number alone, see note_of.
 */
#ifndef VITRINE_TESTS_UNIT_REPLICA_RELEASE_FIXTURE_H
#define VITRINE_TESTS_UNIT_REPLICA_RELEASE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "replica/blob.h"
#include "replica/reader.h"
#include "replica/store.h"
#include "replica/verify.h"
#include "tests/unit/replica/columns.h"

enum { NOTES = 0, SHELVES = 1, SHEETS = 2, CARDS = 3 };       /* collections */
enum { BY_ID = 0, BY_WEIGHT = 1, BY_TITLE = 2, ORDERS = 3 };  /* orders of notes and shelves */
enum { ID = 0, WEIGHT = 1, TITLE = 2, BODY = 3, FIELDS = 4 }; /* stored fields of both */

#define ALL_FIELDS UINT64_MAX

static const char definition_text[] =
    "name: fixture\n"
    "collections:\n"
    "  notes:\n"
    "    key: folder\n"
    "    rows: SELECT * FROM notes\n"
    "    fields: {id: integer, weight: integer, title: text, body: text}\n"
    "    orders: {by_id: [id], by_weight: [weight, id], by_title: [-title, id]}\n"
    "  shelves:\n"
    "    key: {column: name, type: text}\n"
    "    rows: SELECT * FROM shelves\n"
    "    fields: {id: integer, weight: integer, title: text, body: text}\n"
    "    orders: {by_id: [id], by_weight: [weight, id], by_title: [-title, id]}\n"
    "  sheets:\n"
    "    key: id\n"
    "    rows: SELECT * FROM sheets\n"
    "    fields: {id: integer, title: text}\n"
    "    listings: {up: [id], down: [-id]}\n"
    "  cards:\n"
    "    key: {column: name, type: text}\n"
    "    rows: SELECT * FROM cards\n"
    "    fields: {id: integer, name: text}\n"
    "    listings: {up: [name]}\n"
    "routes:\n"
    "  - get: /notes\n"
    "    from: notes\n"
    "    key: {query: folder}\n";

enum { FIXTURE_FILES_MAX = 32 };

struct fixture {
    char folder[64];
    struct errmsg msg;
    struct arena arena;  /* what the manifest points to */
    struct arena answer; /* what a test reads */
    struct manifest_file files[FIXTURE_FILES_MAX];
    unsigned file_count;
    struct manifest_collection collections[4];
    unsigned collection_count;
    struct buffer pages;
    struct store *store; /* the file being written */
    struct buffer blob;
    struct buffer wide;
    struct column *columns[FIELDS + ORDERS - 1];
    struct release *release;
    struct reader *reader;
};

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != ERR_NONE) {                                                                  \
            fail_msg("%s: %s", #call, fixture->msg.text);                                          \
        }                                                                                          \
    } while (0)

static inline int fixture_setup(void **state)
{
    struct fixture *fixture = memory_calloc(1, sizeof *fixture);

    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/vitrine_replica_XXXXXX");
    if (mkdtemp(fixture->folder) == NULL) {
        return -1;
    }
    arena_init(&fixture->arena, 4096);
    arena_init(&fixture->answer, 65536);
    buffer_init(&fixture->pages, 1 << 24);
    buffer_init(&fixture->blob, BLOB_SIZE_MAX);
    buffer_init(&fixture->wide, BLOB_SIZE_MAX);
    for (unsigned i = 0; i < FIELDS + ORDERS - 1; i++) {
        fixture->columns[i] = column_new(i == TITLE || i == BODY);
    }
    *state = fixture;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    enum err rc = dir_remove(fixture->folder, &fixture->msg);

    reader_close(fixture->reader);
    release_drop(fixture->release);
    store_abandon(fixture->store);
    for (unsigned i = 0; i < FIELDS + ORDERS - 1; i++) {
        free(fixture->columns[i]);
    }
    buffer_free(&fixture->pages);
    buffer_free(&fixture->blob);
    buffer_free(&fixture->wide);
    arena_free(&fixture->arena);
    arena_free(&fixture->answer);
    free(fixture);
    return rc == ERR_NONE ? 0 : -1;
}

/* ---- what a row holds ---- */

/* The values of one row, which follow from its number. */
struct note {
    int64_t weight;
    bool weight_is_null;
    bool title_is_null;
    char title[32];
    char body[512];
};

/* SALT makes the rows of two keys differ; BODY_SIZE is about a body's length. */
static inline struct note note_of(uint64_t id, unsigned salt, unsigned body_size)
{
    uint64_t random = id * 31 + salt + 1;
    struct note note = {0};
    size_t len;

    note.weight = (int64_t)(random_next(&random) % 1000) - 500;
    note.weight_is_null = id % 10 == 3;
    note.title_is_null = id % 7 == 6;
    snprintf(note.title, sizeof note.title, "title %u-%llu", salt, (unsigned long long)id);
    len = (size_t)snprintf(note.body, sizeof note.body, "body %u-%llu ", salt,
                           (unsigned long long)id);
    for (unsigned i = 0; i < body_size + random_next(&random) % (body_size / 2 + 1); i++) {
        note.body[len++] = (char)('!' + 2 + random_next(&random) % 50);
    }
    return note;
}

static inline void fixture_add_note(struct fixture *fixture, uint64_t id, const struct note *note)
{
    struct column **columns = fixture->columns;

    column_add_integer(columns[ID], (int64_t)id);
    if (note->weight_is_null) {
        column_add_null(columns[WEIGHT]);
    } else {
        column_add_integer(columns[WEIGHT], note->weight);
    }
    if (note->title_is_null) {
        column_add_null(columns[TITLE]);
    } else {
        column_add_text(columns[TITLE], arena_copy(&fixture->answer, slice_str(note->title)));
    }
    column_add_text(columns[BODY], arena_copy(&fixture->answer, slice_str(note->body)));
}

/*
 * The row at POSITION of ORDER, of COUNT: an order is what its permutation says, whatever the rows
 * hold. STEP has no divisor in common with COUNT, so each row occurs once.
 */
static inline uint64_t row_at(unsigned order, uint64_t position, uint64_t count)
{
    uint64_t step = 7919;

    if (order == BY_ID) {
        return position;
    }
    if (order == BY_WEIGHT) {
        return count - 1 - position;
    }
    return (position * step + 5) % count;
}

/* ---- writing ---- */

static inline char *fixture_path(const struct fixture *fixture, const char *name)
{
    return path_join(fixture->folder, "%s", name);
}

static inline void fixture_begin(struct fixture *fixture, const char *name, enum store_kind kind)
{
    char *path = fixture_path(fixture, name);
    char *slash;

    slash = strrchr(path, '/');
    *slash = '\0';
    OK(dir_make(path, &fixture->msg));
    *slash = '/';
    OK(store_create(path, kind, &fixture->store, &fixture->msg));
    free(path);
}

/* The entry's path decides its collection: "notes/0001.db" belongs to notes. */
static inline void fixture_list(struct fixture *fixture, struct manifest_file entry)
{
    bool has_pages = entry.kind == FILE_PARTITION || entry.kind == FILE_LISTING;
    char *path = fixture_path(fixture, entry.path.ptr);

    entry.path = arena_copy(&fixture->arena, entry.path);
    entry.first_page = fixture->pages.len / 8;
    if (has_pages) {
        entry.collection = slice_of(entry.path.ptr, strcspn(entry.path.ptr, "/"));
    }
    OK(file_hash(path, &entry.hash, &entry.size_bytes, has_pages ? &fixture->pages : NULL,
                 &fixture->msg));
    assert_true(fixture->file_count < FIXTURE_FILES_MAX);
    fixture->files[fixture->file_count++] = entry;
    free(path);
}

static inline struct manifest_key manifest_key_of(const struct key *key)
{
    return (struct manifest_key){key->is_text, key->integer, key->text};
}

static inline void fixture_end(struct fixture *fixture, const char *name, struct key first,
                               struct key last)
{
    struct store *store = fixture->store;

    fixture->store = NULL;
    OK(store_finish(store, &fixture->msg));
    fixture_list(fixture, (struct manifest_file){.kind = FILE_PARTITION,
                                                 .path = slice_str(name),
                                                 .first_key = manifest_key_of(&first),
                                                 .last_key = manifest_key_of(&last)});
}

static inline struct key integer_key(int64_t integer)
{
    return (struct key){.integer = integer};
}

static inline struct key text_key(const char *text)
{
    return (struct key){.is_text = true, .text = slice_str(text)};
}

/* Packs the first COUNT columns into fixture->blob. */
static inline uint64_t fixture_pack(struct fixture *fixture, enum blob_kind kind,
                                    struct column *const *columns, unsigned count)
{
    const struct column *some[BLOB_VECTORS_MAX];

    memcpy(some, columns, count * sizeof *some);
    buffer_clear(&fixture->blob);
    return blob_pack(kind, some, count, &fixture->wide, &fixture->blob);
}

static inline void fixture_clear_columns(struct fixture *fixture)
{
    for (unsigned i = 0; i < FIELDS + ORDERS - 1; i++) {
        column_clear(fixture->columns[i]);
    }
}

/* A group of ROW_COUNT rows (at most CHUNK_ROWS) of notes or shelves. */
static inline void fixture_group(struct fixture *fixture, struct key key, uint64_t row_count,
                                 unsigned salt, unsigned body_size)
{
    fixture_clear_columns(fixture);
    for (uint64_t id = 0; id < row_count; id++) {
        struct note note = note_of(id, salt, body_size);

        fixture_add_note(fixture, id, &note);
    }
    for (unsigned order = 1; order < ORDERS; order++) {
        for (uint64_t i = 0; i < row_count; i++) {
            column_add_integer(fixture->columns[FIELDS + order - 1],
                               (int64_t)row_at(order, i, row_count));
        }
    }
    fixture_pack(fixture, BLOB_ROWS, fixture->columns, FIELDS + ORDERS - 1);
    OK(store_group(fixture->store, &key, buffer_slice(&fixture->blob), &fixture->msg));
    arena_reset(&fixture->answer);
}

static inline uint64_t fixture_chunk(struct fixture *fixture, enum blob_kind kind,
                                     struct column *const *columns, unsigned count)
{
    uint64_t id = 0;

    fixture_pack(fixture, kind, columns, count);
    OK(store_chunk(fixture->store, buffer_slice(&fixture->blob), &id, &fixture->msg));
    arena_reset(&fixture->answer);
    fixture_clear_columns(fixture);
    return id;
}

static inline uint64_t fixture_permutation(struct fixture *fixture, unsigned order,
                                           uint64_t row_count)
{
    struct column *column = fixture->columns[FIELDS];

    OK(store_run(fixture->store, order, &fixture->msg));
    for (uint64_t at = 0; at < row_count; at++) {
        column_add_integer(column, (int64_t)row_at(order, at, row_count));
        if (column->row_count == PERMUTATION_ROWS || at + 1 == row_count) {
            fixture_chunk(fixture, BLOB_PERMUTATION, &column, 1);
        }
    }
    return store_run_first(fixture->store);
}

/* A group of more than CHUNK_ROWS rows. */
static inline void fixture_large(struct fixture *fixture, struct key key, uint64_t row_count,
                                 unsigned salt, unsigned body_size)
{
    struct blob_large large = {
        .row_count = row_count, .content_hash = salt, .permutation_count = ORDERS - 1};

    fixture_clear_columns(fixture);
    OK(store_run(fixture->store, 0, &fixture->msg));
    for (uint64_t row = 0; row < row_count; row++) {
        struct note note = note_of(row, salt, body_size);

        fixture_add_note(fixture, row, &note);
        if (fixture->columns[ID]->row_count == CHUNK_ROWS || row + 1 == row_count) {
            fixture_chunk(fixture, BLOB_ROWS, fixture->columns, FIELDS);
        }
    }
    large.first_chunk = store_run_first(fixture->store);
    for (unsigned order = 1; order < ORDERS; order++) {
        large.first_permutations[order - 1] = fixture_permutation(fixture, order, row_count);
    }
    buffer_clear(&fixture->blob);
    blob_pack_large(&large, &fixture->blob);
    OK(store_group(fixture->store, &key, buffer_slice(&fixture->blob), &fixture->msg));
}

/* The keys 0 .. COUNT-1 as a listing; those of cards are "card 000017". DOWN: backwards. */
static inline void fixture_listing(struct fixture *fixture, const char *name, const char *listing,
                                   bool is_text, bool down, uint64_t count)
{
    struct column *column = fixture->columns[is_text ? TITLE : ID];

    fixture_begin(fixture, name, STORE_LISTING);
    fixture_clear_columns(fixture);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t key = down ? count - 1 - i : i;
        char text[32];

        if (is_text) {
            snprintf(text, sizeof text, "card %06u", (unsigned)key);
            column_add_text(column, arena_copy(&fixture->answer, slice_str(text)));
        } else {
            column_add_integer(column, (int64_t)key);
        }
        if (column->row_count == LISTING_BLOCK || i + 1 == count) {
            fixture_chunk(fixture, BLOB_LISTING, &column, 1);
        }
    }
    OK(store_finish(fixture->store, &fixture->msg));
    fixture->store = NULL;
    fixture_list(fixture, (struct manifest_file){.kind = FILE_LISTING,
                                                 .path = slice_str(name),
                                                 .listing = slice_str(listing),
                                                 .row_count = count});
}

static inline void fixture_write(struct fixture *fixture, const char *name, struct slice content)
{
    char *path = fixture_path(fixture, name);

    OK(file_write(path, content, &fixture->msg));
    free(path);
}

/* Writes the manifest of the files so far. */
static inline void fixture_write_manifest(struct fixture *fixture)
{
    struct manifest manifest = {.number = 7,
                                .format = FORMAT_VERSION,
                                .oldest_reader = FORMAT_VERSION,
                                .definition_name = slice_str("fixture"),
                                .source_position = slice_str(""),
                                .collections = fixture->collections,
                                .collection_count = fixture->collection_count,
                                .files = fixture->files,
                                .file_count = fixture->file_count};
    struct buffer text;

    buffer_init(&text, MANIFEST_SIZE_MAX);
    manifest_write(&manifest, &text);
    fixture_write(fixture, "manifest.json", buffer_slice(&text));
    buffer_free(&text);
}

/* Writes the empty listings that are missing, definition, page hashes and manifest. */
static inline void fixture_publish(struct fixture *fixture)
{
    static const struct {
        const char *name;
        const char *listing;
        bool is_text;
    } listings[] = {{"sheets/up.listing.db", "up", false},
                    {"sheets/down.listing.db", "down", false},
                    {"cards/up.listing.db", "up", true}};

    for (unsigned i = 0; i < 3; i++) {
        char *path = fixture_path(fixture, listings[i].name);

        if (!file_exists(path)) {
            fixture_listing(fixture, listings[i].name, listings[i].listing, listings[i].is_text,
                            false, 0);
        }
        free(path);
    }
    fixture_write(fixture, "definition.yaml", slice_str(definition_text));
    fixture_write(fixture, "pages.xxh3", buffer_slice(&fixture->pages));
    fixture_list(fixture, (struct manifest_file){.kind = FILE_DEFINITION,
                                                 .path = slice_str("definition.yaml")});
    fixture_list(fixture,
                 (struct manifest_file){.kind = FILE_PAGES, .path = slice_str("pages.xxh3")});
    fixture_write_manifest(fixture);
}

/* ---- reading ---- */

static inline void fixture_open(struct fixture *fixture)
{
    fixture_publish(fixture);
    OK(release_open(fixture->folder, &(struct release_check){.verify = true}, &fixture->release,
                    &fixture->msg));
    OK(reader_open(fixture->release, &fixture->reader, &fixture->msg));
}

static inline bool fixture_find(struct fixture *fixture, unsigned collection, struct key key,
                                struct group *group)
{
    bool found = false;

    OK(reader_find(fixture->reader, collection, &key, &fixture->answer, group, &found,
                   &fixture->msg));
    return found;
}

#endif
