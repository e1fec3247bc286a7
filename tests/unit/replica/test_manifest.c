#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <xxhash.h>

#include "replica/format.h"
#include "replica/manifest.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* One of every kind, with keys of both types and names that JSON escapes. */
static struct manifest_file files[] = {
    {.kind = FILE_PARTITION,
     .path = TEXT("loans/0001.db"),
     .collection = TEXT("loans"),
     .size_bytes = 8192,
     .hash = 0xfedcba9876543210,
     .has_digest = true,
     .digest = {0x00, 0x9f, 0xff, [31] = 0x0a},
     .first_page = 0,
     .row_count = 1000000,
     .key_count = 17,
     .first_key = {.integer = INT64_MIN},
     .last_key = {.integer = INT64_MAX}},
    {.kind = FILE_PARTITION,
     .path = TEXT("shelves/0001.db"),
     .collection = TEXT("shelves"),
     .size_bytes = 4096,
     .hash = 1,
     .first_page = 2,
     .row_count = 3,
     .key_count = 3,
     .first_key = {.is_text = true, .text = TEXT("")},
     .last_key = {.is_text = true, .text = TEXT("\"\\\n\x01\xc3\xa9\xf0\x9f\x93\x9a")}},
    {.kind = FILE_LISTING,
     .path = TEXT("loans/newest.listing.db"),
     .collection = TEXT("loans"),
     .listing = TEXT("newest"),
     .size_bytes = 4096,
     .hash = 0,
     .first_page = 3,
     .row_count = 17},
    {.kind = FILE_DEFINITION, .path = TEXT("definition.yaml"), .size_bytes = 1, .hash = 5},
    {.kind = FILE_PAGES, .path = TEXT("pages.xxh3"), .size_bytes = 32, .hash = UINT64_MAX},
};

enum { FILES = sizeof files / sizeof files[0] };

static struct manifest_collection collections[] = {
    {.name = TEXT("loans"), .row_count = 1000001, .key_count = 18, .logical_hash = 0xabcdef},
    {.name = TEXT("shelves"), .row_count = 0, .key_count = 0, .logical_hash = UINT64_MAX - 1},
};

enum { COLLECTIONS = sizeof collections / sizeof collections[0] };

static const struct manifest example = {
    .number = 42,
    .format = FORMAT_VERSION,
    .oldest_reader = FORMAT_VERSION,
    .definition_name = TEXT("library"),
    .source_position = TEXT("0/16B3748 \"x\""),
    .write_position = 9000000000,
    .built_ms = 1600000000123,
    .collections = collections,
    .collection_count = COLLECTIONS,
    .parent_number = 41,
    .parent_content = 0x0123456789abcdef,
    .files = files,
    .file_count = FILES,
};

static int setup(void **state)
{
    struct buffer *text = malloc(sizeof *text);

    buffer_init(text, MANIFEST_SIZE_MAX);
    manifest_write(&example, text);
    *state = text;
    return 0;
}

static int teardown(void **state)
{
    buffer_free(*state);
    free(*state);
    return 0;
}

static enum err parse(struct slice text, struct manifest **out, struct errmsg *msg)
{
    *out = NULL;
    msg->text[0] = '\0';
    return manifest_parse("r/manifest.json", text, out, msg);
}

/* Refused with "r/manifest.json: WHAT; fetch or build the release again". */
static void assert_refused(struct slice text, const char *what)
{
    struct manifest *manifest;
    struct errmsg msg;
    char expected[256];

    assert_int_equal(parse(text, &manifest, &msg), ERR_CORRUPT);
    assert_null(manifest);
    snprintf(expected, sizeof expected, "r/manifest.json: %s; fetch or build the release again",
             what);
    assert_string_equal(msg.text, expected);
}

/* TEXT with FIND replaced once and the checksum made right again; the caller frees. */
static struct buffer edited(struct buffer *text, const char *find, const char *replacement)
{
    static const char checksum[] = ",\n  \"checksum\": \"";
    const char *from = buffer_str(text);
    const char *found = strstr(from, find);
    const char *end = strstr(from, checksum);
    struct buffer out;

    if (found == NULL) {
        fail_msg("the manifest has no %s", find);
    }
    buffer_init(&out, MANIFEST_SIZE_MAX);
    buffer_append(&out, from, (size_t)(found - from));
    buffer_append_str(&out, replacement);
    found += strlen(find);
    buffer_append(&out, found, (size_t)(end - found));
    buffer_append_str(&out, checksum);
    buffer_printf(&out, "%016" PRIx64 "\"\n}\n", XXH3_64bits(out.ptr, out.len));
    return out;
}

static void assert_same_key(const struct manifest_key *a, const struct manifest_key *b)
{
    assert_int_equal(a->is_text, b->is_text);
    assert_true(a->integer == b->integer);
    assert_true(slice_equal(a->text, b->text));
}

static void assert_same_file(const struct manifest_file *a, const struct manifest_file *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_true(slice_equal(a->path, b->path));
    assert_true(slice_equal(a->collection, b->collection));
    assert_true(slice_equal(a->listing, b->listing));
    assert_int_equal(a->size_bytes, b->size_bytes);
    assert_true(a->hash == b->hash);
    assert_int_equal(a->has_digest, b->has_digest);
    assert_memory_equal(a->digest, b->digest, DIGEST_SIZE);
    assert_int_equal(a->first_page, b->first_page);
    assert_int_equal(a->row_count, b->row_count);
    assert_int_equal(a->key_count, b->key_count);
    assert_same_key(&a->first_key, &b->first_key);
    assert_same_key(&a->last_key, &b->last_key);
}

static void what_is_written_is_read(void **state)
{
    struct manifest *manifest;
    struct errmsg msg;

    assert_int_equal(parse(buffer_slice(*state), &manifest, &msg), ERR_NONE);
    assert_int_equal(manifest->number, 42);
    assert_int_equal(manifest->format, FORMAT_VERSION);
    assert_int_equal(manifest->oldest_reader, FORMAT_VERSION);
    assert_int_equal(manifest->built_ms, 1600000000123);
    assert_true(slice_is(manifest->definition_name, "library"));
    assert_int_equal(manifest->definition_hash, 5); /* that of its file */
    assert_int_equal(manifest->parent_number, 41);
    assert_true(manifest->parent_content == 0x0123456789abcdef);
    assert_true(slice_is(manifest->source_position, "0/16B3748 \"x\""));
    assert_true(manifest->write_position == 9000000000);
    assert_int_equal(manifest->collection_count, COLLECTIONS);
    for (unsigned i = 0; i < COLLECTIONS; i++) {
        const struct manifest_collection *got = manifest_collection(manifest, collections[i].name);

        assert_non_null(got);
        assert_int_equal(got->row_count, collections[i].row_count);
        assert_int_equal(got->key_count, collections[i].key_count);
        assert_true(got->logical_hash == collections[i].logical_hash);
    }
    assert_null(manifest_collection(manifest, slice_str("loan")));
    assert_int_equal(manifest->file_count, FILES);
    for (unsigned i = 0; i < FILES; i++) {
        assert_same_file(&manifest->files[i], &files[i]);
    }
    manifest_free(manifest);
}

static uint64_t content_of(const struct manifest *manifest)
{
    struct manifest *read;
    struct buffer text;
    struct errmsg msg;
    uint64_t hash;

    buffer_init(&text, MANIFEST_SIZE_MAX);
    manifest_write(manifest, &text);
    assert_int_equal(parse(buffer_slice(&text), &read, &msg), ERR_NONE);
    hash = read->content_hash;
    manifest_free(read);
    buffer_free(&text);
    return hash;
}

static void the_content_hash_is_that_of_the_files_not_of_the_release(void **state)
{
    struct manifest_file changed[FILES];
    struct manifest other = example;

    (void)state;
    other.number = 43;
    other.built_ms = 1;
    other.source_position = slice_str("later");
    other.write_position = 0;
    other.parent_number = 42;
    other.parent_content = 7;
    assert_true(content_of(&other) == content_of(&example));
    memcpy(changed, files, sizeof changed);
    other.files = changed;
    changed[2].hash++;
    assert_true(content_of(&other) != content_of(&example));
    changed[2].hash--;
    changed[2].path = slice_str("loans/oldest.listing.db");
    assert_true(content_of(&other) != content_of(&example));
}

static void the_first_release_has_no_parent(void **state)
{
    struct manifest first = example;
    struct manifest *read;
    struct buffer text;
    struct errmsg msg;

    (void)state;
    first.parent_number = 0;
    buffer_init(&text, MANIFEST_SIZE_MAX);
    manifest_write(&first, &text);
    assert_null(strstr(buffer_str(&text), "parent"));
    assert_int_equal(parse(buffer_slice(&text), &read, &msg), ERR_NONE);
    assert_int_equal(read->parent_number, 0);
    assert_int_equal(read->parent_content, 0);
    assert_true(read->content_hash == content_of(&example));
    manifest_free(read);
    buffer_free(&text);
}

static void a_manifest_without_files_is_read(void **state)
{
    struct manifest empty = example;

    (void)state;
    empty.file_count = 0;
    assert_true(content_of(&empty) != content_of(&example));
}

static void every_change_of_one_byte_is_refused(void **state)
{
    struct buffer *text = *state;
    char *expected = "the checksum of the manifest differs";

    for (size_t i = 0; i < text->len; i++) {
        char kept = text->ptr[i];

        for (unsigned bit = 0; bit < 8; bit++) {
            text->ptr[i] = (char)(kept ^ 1 << bit);
            assert_refused(buffer_slice(text), expected);
        }
        text->ptr[i] = kept;
    }
}

static void every_truncation_is_refused(void **state)
{
    struct slice text = buffer_slice(*state);

    for (size_t len = 0; len < text.len; len++) {
        assert_refused(slice_of(text.ptr, len), len < 37 ? "the manifest is cut short"
                                                         : "the checksum of the manifest differs");
    }
}

static void bytes_behind_the_manifest_are_refused(void **state)
{
    buffer_append_byte(*state, '\n');
    assert_refused(buffer_slice(*state), "the checksum of the manifest differs");
}

static void a_path_that_leaves_the_release_is_refused(void **state)
{
    static const char *const paths[] = {
        "",       "/",     "/etc/passwd",    "..", "../x", "a/../x", "a/..",
        ".",      "./x",   "a/./x",          "a/", "a//x", "//a",    "a/../../x",
        "a\\\\b", "\\\\x", "a/b/../c/../..",
    };

    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char member[64];
        struct buffer text;

        snprintf(member, sizeof member, "\"path\": \"%s\"", paths[i]);
        text = edited(*state, "\"path\": \"loans/0001.db\"", member);
        assert_refused(buffer_slice(&text), "file 1 of the list is not readable");
        buffer_free(&text);
    }
}

static void a_path_may_have_dots_that_do_not_lead_away(void **state)
{
    static const char *const paths[] = {"...", "a/..b", "a/b..", ".hidden/x", "a.b/c.d"};

    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char member[64];
        struct buffer text;

        snprintf(member, sizeof member, "\"path\": \"%s\"", paths[i]);
        text = edited(*state, "\"path\": \"loans/0001.db\"", member);
        assert_refused(buffer_slice(&text), "the content hash differs"); /* and nothing else */
        buffer_free(&text);
    }
}

static void a_path_has_at_most_255_bytes(void **state)
{
    for (int len = 255; len <= 256; len++) {
        char member[300];
        struct buffer text;

        snprintf(member, sizeof member, "\"path\": \"%0*d\"", len, 7);
        text = edited(*state, "\"path\": \"loans/0001.db\"", member);
        assert_refused(buffer_slice(&text), len == 255 ? "the content hash differs"
                                                       : "file 1 of the list is not readable");
        buffer_free(&text);
    }
}

static void a_manifest_that_is_wrong_says_what(void **state)
{
    static const struct {
        const char *find;
        const char *replacement;
        const char *what;
    } cases[] = {
        {"{", "[", "the manifest is not JSON"},
        {"\"release\": 42", "\"format\": 42", "the manifest is not JSON"},
        {"\"library\"", "\"\\u0000\"", "the manifest is not JSON"},
        {"\"format\"", "\"formal\"", "this is not the manifest of a release"},
        {"\"oldest_reader\": 1", "\"oldest_reader\": \"1\"",
         "this is not the manifest of a release"},
        {"\"release\": 42", "\"release\": -42", "a member is missing or of the wrong type"},
        {"\"built_ms\"", "\"built\"", "a member is missing or of the wrong type"},
        {"\"library\"", "7", "a member is missing or of the wrong type"},
        {"\"source_position\"", "\"position\"", "a member is missing or of the wrong type"},
        {"\"write_position\": 9", "\"write_position\": -9",
         "a member is missing or of the wrong type"},
        {"\"content\": \"", "\"content\": \"0", "a member is missing or of the wrong type"},
        {"\"collections\": [", "\"collections\": {}, \"more\": [",
         "the list of collections is not readable"},
        {"\"rows\": 1000001", "\"rows\": -1", "the list of collections is not readable"},
        {"\"keys\": 18", "\"key\": 18", "the list of collections is not readable"},
        {"\"logical\": \"0", "\"logical\": \"", "the list of collections is not readable"},
        {"\"definition_hash\"", "\"definition_sum\"", "a member is missing or of the wrong type"},
        {"\"definition_hash\": \"0000000000000005\"", "\"definition_hash\": \"0000000000000006\"",
         "the definition hash differs from that of the file"},
        {"\"parent\": 41", "\"parent\": 0", "a member is missing or of the wrong type"},
        {"\"parent\": 41", "\"parent\": \"41\"", "a member is missing or of the wrong type"},
        {"\"parent\": 41,", "", "a member is missing or of the wrong type"},
        {"\"parent_content\"", "\"parent_hash\"", "a member is missing or of the wrong type"},
        {"\"files\": [", "\"files\": {}, \"more\": [", "the list of files is not readable"},
        {"\"kind\": \"pages\"", "\"kind\": \"page\"", "file 5 of the list is not readable"},
        {"fedcba9876543210", "FEDCBA9876543210", "file 1 of the list is not readable"},
        {"\"digest\": \"00", "\"digest\": \"", "file 1 of the list is not readable"},
        {"\"digest\": \"00", "\"digest\": \"0000", "file 1 of the list is not readable"},
        {"\"digest\": \"00", "\"digest\": \"0g", "file 1 of the list is not readable"},
        {"\"digest\": \"00", "\"digest\": 0, \"more\": \"", "file 1 of the list is not readable"},
        {"\"size\": 8192", "\"size\": 8193", "file 1 of the list is not readable"},
        {"\"size\": 8192", "\"size\": -1", "file 1 of the list is not readable"},
        {"\"size\": 8192", "\"size\": 4096", "the content hash differs"},
        {"\"collection\": \"loans\"", "\"collection\": 1", "file 1 of the list is not readable"},
        {"\"first_page\": 3", "\"first_page\": 3.5", "file 3 of the list is not readable"},
        {"\"rows\": 17", "\"row\": 17", "file 3 of the list is not readable"},
        {"\"listing\": \"newest\"", "\"listing\": null", "file 3 of the list is not readable"},
        {"\"keys\": 17", "\"keys\": true", "file 1 of the list is not readable"},
        {"\"first_key\": \"\"", "\"first_key\": []", "file 2 of the list is not readable"},
        {"\"last_key\": 9223372036854775807", "\"last_key\": 9.5",
         "file 1 of the list is not readable"},
        {"fedcba9876543210", "fedcba9876543211", "the content hash differs"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer text = edited(*state, cases[i].find, cases[i].replacement);

        assert_refused(buffer_slice(&text), cases[i].what);
        buffer_free(&text);
    }
}

static void a_newer_format_asks_for_a_newer_program(void **state)
{
    struct buffer text = edited(*state, "\"oldest_reader\": 1", "\"oldest_reader\": 2");
    struct manifest *manifest;
    struct errmsg msg;

    assert_int_equal(parse(buffer_slice(&text), &manifest, &msg), ERR_CORRUPT);
    assert_string_equal(msg.text, "r/manifest.json: the release needs a program that reads format "
                                  "2, this one reads up to 1; install a newer vitrine");
    buffer_free(&text);
}

static void a_newer_format_that_this_program_can_read_is_read(void **state)
{
    struct buffer text = edited(*state, "\"format\": 1", "\"format\": 9");
    struct manifest *manifest;
    struct errmsg msg;

    assert_int_equal(parse(buffer_slice(&text), &manifest, &msg), ERR_NONE);
    assert_int_equal(manifest->format, 9);
    manifest_free(manifest);
    buffer_free(&text);
}

static void a_manifest_that_is_not_there_is_a_system_error(void **state)
{
    struct manifest *manifest = NULL;
    struct errmsg msg;

    (void)state;
    assert_int_equal(manifest_read("/nonexistent/manifest.json", &manifest, &msg), ERR_SYSTEM);
    assert_string_equal(msg.text, "open /nonexistent/manifest.json: No such file or directory");
    assert_null(manifest);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read),
        TEST(the_content_hash_is_that_of_the_files_not_of_the_release),
        TEST(the_first_release_has_no_parent),
        TEST(a_manifest_without_files_is_read),
        TEST(every_change_of_one_byte_is_refused),
        TEST(every_truncation_is_refused),
        TEST(bytes_behind_the_manifest_are_refused),
        TEST(a_path_that_leaves_the_release_is_refused),
        TEST(a_path_may_have_dots_that_do_not_lead_away),
        TEST(a_path_has_at_most_255_bytes),
        TEST(a_manifest_that_is_wrong_says_what),
        TEST(a_newer_format_asks_for_a_newer_program),
        TEST(a_newer_format_that_this_program_can_read_is_read),
        TEST(a_manifest_that_is_not_there_is_a_system_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
