/*
 * The manifest of a release: whatever its text is, it is refused with a sentence, or it is safe to
 * follow and is written and read back the same.
 *
 * The input stands for the text before the checksum, which is added here: otherwise nearly no input
 * would get past it.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <xxhash.h>

#include "replica/format.h"
#include "replica/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(fact)                                                                                \
    do {                                                                                           \
        if (!(fact)) {                                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The manifest of TEXT, or NULL when it is refused. */
static struct manifest *parse(struct slice text)
{
    struct manifest *manifest = NULL;
    struct errmsg msg = {""};
    enum err rc = manifest_parse("m", text, &manifest, &msg);

    CHECK(rc == ERR_NONE || rc == ERR_CORRUPT);
    CHECK((rc == ERR_NONE) == (manifest != NULL));
    CHECK(rc == ERR_NONE || memcmp(msg.text, "m: ", 3) == 0);
    return manifest;
}

static void check_path(struct slice path)
{
    CHECK(path.len > 0 && path.len <= 255 && path.ptr[0] != '/');
    CHECK(strlen(path.ptr) == path.len);
    CHECK(strstr(path.ptr, "//") == NULL && strchr(path.ptr, '\\') == NULL);
    CHECK(strcmp(path.ptr, "..") != 0 && strncmp(path.ptr, "../", 3) != 0);
    CHECK(strstr(path.ptr, "/../") == NULL);
    CHECK(path.len < 3 || strcmp(path.ptr + path.len - 3, "/..") != 0);
}

static void check_same_key(const struct manifest_key *a, const struct manifest_key *b)
{
    CHECK(a->is_text == b->is_text && a->integer == b->integer && slice_equal(a->text, b->text));
}

static void check_same_file(const struct manifest_file *a, const struct manifest_file *b)
{
    CHECK(a->kind == b->kind && slice_equal(a->path, b->path));
    CHECK(a->size_bytes == b->size_bytes && a->hash == b->hash);
    CHECK(a->has_digest == b->has_digest);
    CHECK(memcmp(a->digest, b->digest, DIGEST_SIZE) == 0);
    CHECK(slice_equal(a->collection, b->collection) && slice_equal(a->listing, b->listing));
    CHECK(a->first_page == b->first_page && a->row_count == b->row_count);
    CHECK(a->key_count == b->key_count);
    check_same_key(&a->first_key, &b->first_key);
    check_same_key(&a->last_key, &b->last_key);
}

static void check_manifest(const struct manifest *manifest)
{
    struct manifest *again;
    struct buffer text;

    CHECK(manifest->oldest_reader <= FORMAT_VERSION);
    CHECK(manifest->file_count <= MANIFEST_FILES_MAX);
    buffer_init(&text, MANIFEST_SIZE_MAX);
    manifest_write(manifest, &text);
    again = parse(buffer_slice(&text));
    CHECK(again != NULL && again->file_count == manifest->file_count);
    CHECK(again->number == manifest->number && again->built_ms == manifest->built_ms);
    CHECK(again->format == manifest->format && again->content_hash == manifest->content_hash);
    CHECK(again->definition_hash == manifest->definition_hash);
    CHECK(again->parent_number == manifest->parent_number);
    CHECK(again->write_position == manifest->write_position);
    CHECK(again->parent_content == manifest->parent_content);
    CHECK(slice_equal(again->definition_name, manifest->definition_name));
    CHECK(slice_equal(again->source_position, manifest->source_position));
    CHECK(again->collection_count == manifest->collection_count);
    for (unsigned i = 0; i < manifest->collection_count; i++) {
        CHECK(slice_equal(again->collections[i].name, manifest->collections[i].name));
        CHECK(again->collections[i].row_count == manifest->collections[i].row_count);
        CHECK(again->collections[i].key_count == manifest->collections[i].key_count);
        CHECK(again->collections[i].logical_hash == manifest->collections[i].logical_hash);
    }
    for (unsigned i = 0; i < manifest->file_count; i++) {
        check_path(manifest->files[i].path);
        check_same_file(&manifest->files[i], &again->files[i]);
    }
    manifest_free(again);
    buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest *manifest = parse(slice_of((const char *)data, size));
    struct buffer text;

    CHECK(manifest == NULL); /* nobody guesses a hash */
    buffer_init(&text, MANIFEST_SIZE_MAX);
    buffer_append(&text, data, size);
    buffer_append_str(&text, ",\n  \"checksum\": \"");
    buffer_printf(&text, "%016" PRIx64 "\"\n}\n", XXH3_64bits(text.ptr, text.len));
    manifest = parse(buffer_slice(&text));
    if (manifest != NULL) {
        check_manifest(manifest);
    }
    manifest_free(manifest);
    buffer_free(&text);
    return 0;
}
