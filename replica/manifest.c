#include "replica/manifest.h"

#include <inttypes.h>
#include <sodium.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/json.h"
#include "base/number.h"
#include "definition/definition.h"
#include "replica/format.h"
#include "replica/json_members.h"

static const char checksum_member[] = ",\n  \"checksum\": \"";
static const char checksum_end[] = "\"\n}\n";

static const char *const kind_names[] = {
    [FILE_PARTITION] = "partition",
    [FILE_LISTING] = "listing",
    [FILE_DEFINITION] = "definition",
    [FILE_PAGES] = "pages",
};

/* ---- writing ---- */

static void write_key(struct buffer *out, const char *name, const struct manifest_key *key)
{
    buffer_printf(out, ", \"%s\": ", name);
    if (key->is_text) {
        json_write_string(out, key->text);
    } else {
        buffer_printf(out, "%" PRId64, key->integer);
    }
}

static void write_digest(struct buffer *out, const struct manifest_file *file)
{
    if (!file->has_digest) {
        return;
    }
    buffer_append_str(out, ", \"digest\": \"");
    for (unsigned i = 0; i < DIGEST_SIZE; i++) {
        buffer_printf(out, "%02x", file->digest[i]);
    }
    buffer_append_byte(out, '"');
}

static void write_file(struct buffer *out, const struct manifest_file *file)
{
    buffer_printf(out, "    {\"kind\": \"%s\", \"path\": ", kind_names[file->kind]);
    json_write_string(out, file->path);
    buffer_printf(out, ", \"size\": %" PRIu64 ", \"hash\": \"%016" PRIx64 "\"", file->size_bytes,
                  file->hash);
    write_digest(out, file);
    if (file->kind == FILE_PARTITION || file->kind == FILE_LISTING) {
        buffer_append_str(out, ", \"collection\": ");
        json_write_string(out, file->collection);
        buffer_printf(out, ", \"first_page\": %" PRIu64 ", \"rows\": %" PRIu64, file->first_page,
                      file->row_count);
    }
    if (file->kind == FILE_LISTING) {
        buffer_append_str(out, ", \"listing\": ");
        json_write_string(out, file->listing);
    }
    if (file->kind == FILE_PARTITION) {
        buffer_printf(out, ", \"keys\": %" PRIu64, file->key_count);
        write_key(out, "first_key", &file->first_key);
        write_key(out, "last_key", &file->last_key);
    }
    buffer_append_byte(out, '}');
}

static void write_collections(struct buffer *out, const struct manifest *manifest)
{
    buffer_append_str(out, ",\n  \"collections\": [");
    for (unsigned i = 0; i < manifest->collection_count; i++) {
        const struct manifest_collection *collection = &manifest->collections[i];

        buffer_append_str(out, i == 0 ? "\n    {\"name\": " : ",\n    {\"name\": ");
        json_write_string(out, collection->name);
        buffer_printf(
            out, ", \"rows\": %" PRIu64 ", \"keys\": %" PRIu64 ", \"logical\": \"%016" PRIx64 "\"}",
            collection->row_count, collection->key_count, collection->logical_hash);
    }
    buffer_append_str(out, manifest->collection_count > 0 ? "\n  ]" : "]");
}

/* Over what makes up the data, so that the number and the time of a release do not count. */
static uint64_t content_hash(const struct manifest *manifest)
{
    XXH3_state_t *state = XXH3_createState();
    uint64_t hash;

    XXH3_64bits_reset(state);
    for (unsigned i = 0; i < manifest->file_count; i++) {
        const struct manifest_file *file = &manifest->files[i];
        uint8_t fixed[17] = {(uint8_t)file->kind};

        store_u64le(fixed + 1, file->size_bytes);
        store_u64le(fixed + 9, file->hash);
        XXH3_64bits_update(state, fixed, sizeof fixed);
        XXH3_64bits_update(state, file->path.ptr, file->path.len);
    }
    hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return hash;
}

static uint64_t definition_hash(const struct manifest *manifest)
{
    for (unsigned i = 0; i < manifest->file_count; i++) {
        if (manifest->files[i].kind == FILE_DEFINITION) {
            return manifest->files[i].hash;
        }
    }
    return 0;
}

void manifest_write(const struct manifest *manifest, struct buffer *out)
{
    size_t start = out->len;

    buffer_printf(out,
                  "{\n  \"vitrine\": \"release\",\n  \"format\": %u,\n  \"oldest_reader\": %u,\n",
                  manifest->format, manifest->oldest_reader);
    buffer_printf(out,
                  "  \"release\": %" PRIu64 ",\n  \"built_ms\": %" PRId64 ",\n  \"definition\": ",
                  manifest->number, manifest->built_ms);
    json_write_string(out, manifest->definition_name);
    buffer_printf(out, ",\n  \"definition_hash\": \"%016" PRIx64 "\"", definition_hash(manifest));
    buffer_append_str(out, ",\n  \"source_position\": ");
    json_write_string(out, manifest->source_position);
    if (manifest->write_position > 0) {
        buffer_printf(out, ",\n  \"write_position\": %" PRIu64, manifest->write_position);
    }
    if (manifest->parent_number > 0) {
        buffer_printf(out,
                      ",\n  \"parent\": %" PRIu64 ",\n  \"parent_content\": \"%016" PRIx64 "\"",
                      manifest->parent_number, manifest->parent_content);
    }
    buffer_printf(out, ",\n  \"content\": \"%016" PRIx64 "\"", content_hash(manifest));
    write_collections(out, manifest);
    buffer_append_str(out, ",\n  \"files\": [\n");
    for (unsigned i = 0; i < manifest->file_count; i++) {
        write_file(out, &manifest->files[i]);
        buffer_append_str(out, i + 1 < manifest->file_count ? ",\n" : "\n");
    }
    buffer_append_str(out, "  ]");
    buffer_append_str(out, checksum_member);
    if (!out->overflowed) {
        buffer_printf(out, "%016" PRIx64 "%s", XXH3_64bits(out->ptr + start, out->len - start),
                      checksum_end);
    }
}

/* ---- reading ---- */

struct parse {
    const char *path;
    struct manifest *manifest;
    struct errmsg *msg;
};

static enum err damaged(const struct parse *parse, const char *what)
{
    return err_set(parse->msg, ERR_CORRUPT, "%s: %s; fetch or build the release again", parse->path,
                   what);
}

static enum err check_sum(const struct parse *parse, struct slice text)
{
    size_t tail = HEX_TEXT_LEN + sizeof checksum_end - 1;
    size_t member = sizeof checksum_member - 1;
    char expected[HEX_TEXT_LEN + 1];
    size_t body;

    if (text.len < tail + member) {
        return damaged(parse, "the manifest is cut short");
    }
    body = text.len - tail;
    snprintf(expected, sizeof expected, "%016" PRIx64, XXH3_64bits(text.ptr, body));
    if (memcmp(text.ptr + body - member, checksum_member, member) != 0 ||
        memcmp(text.ptr + body, expected, HEX_TEXT_LEN) != 0 ||
        memcmp(text.ptr + body + HEX_TEXT_LEN, checksum_end, sizeof checksum_end - 1) != 0) {
        return damaged(parse, "the checksum of the manifest differs");
    }
    return ERR_NONE;
}

static bool get_text(const struct parse *parse, const json_t *object, const char *name,
                     struct slice *out)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_string(value)) {
        return false;
    }
    *out = arena_copy(&parse->manifest->arena,
                      slice_of(json_string_value(value), json_string_length(value)));
    return true;
}

/* Absent in a release that is not signed. */
static bool get_digest(const json_t *object, struct manifest_file *out)
{
    const json_t *value = json_object_get(object, "digest");
    const char *text = json_string_value(value);
    size_t got;

    out->has_digest = value != NULL;
    return value == NULL ||
           (text != NULL && strspn(text, "0123456789abcdef") == 2 * (size_t)DIGEST_SIZE &&
            sodium_hex2bin(out->digest, DIGEST_SIZE, text, strlen(text), NULL, &got, NULL) == 0 &&
            got == DIGEST_SIZE);
}

static bool get_key(const struct parse *parse, const json_t *object, const char *name,
                    struct manifest_key *out)
{
    const json_t *value = json_object_get(object, name);

    if (json_is_integer(value)) {
        *out = (struct manifest_key){.integer = json_integer_value(value)};
        return true;
    }
    out->is_text = true;
    return get_text(parse, object, name, &out->text);
}

/* A path stays within its release: relative, no empty, "." or ".." part, no backslash or NUL. */
static bool path_is_safe(struct slice path)
{
    size_t part = 0;

    for (size_t i = 0; i <= path.len; i++) {
        if (i < path.len && path.ptr[i] != '/') {
            if (path.ptr[i] == '\\' || path.ptr[i] == '\0') {
                return false;
            }
            continue;
        }
        if (i == part || (i - part == 1 && path.ptr[part] == '.') ||
            (i - part == 2 && path.ptr[part] == '.' && path.ptr[part + 1] == '.')) {
            return false;
        }
        part = i + 1;
    }
    return path.len <= 255;
}

static bool get_kind(const json_t *object, enum file_kind *out)
{
    const char *name = json_string_value(json_object_get(object, "kind"));

    for (unsigned i = 0; name != NULL && i < sizeof kind_names / sizeof kind_names[0]; i++) {
        if (strcmp(name, kind_names[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool read_file(const struct parse *parse, const json_t *object, struct manifest_file *out)
{
    bool has_data;

    if (!get_kind(object, &out->kind) || !get_text(parse, object, "path", &out->path) ||
        !path_is_safe(out->path) || !member_unsigned(object, "size", &out->size_bytes) ||
        !member_hash(object, "hash", &out->hash) || !get_digest(object, out)) {
        return false;
    }
    has_data = out->kind == FILE_PARTITION || out->kind == FILE_LISTING;
    if (has_data && (!get_text(parse, object, "collection", &out->collection) ||
                     !member_unsigned(object, "first_page", &out->first_page) ||
                     !member_unsigned(object, "rows", &out->row_count) ||
                     out->size_bytes % FORMAT_PAGE_SIZE != 0)) {
        return false;
    }
    if (out->kind == FILE_LISTING) {
        return get_text(parse, object, "listing", &out->listing);
    }
    return out->kind != FILE_PARTITION || (member_unsigned(object, "keys", &out->key_count) &&
                                           get_key(parse, object, "first_key", &out->first_key) &&
                                           get_key(parse, object, "last_key", &out->last_key));
}

static enum err read_files(const struct parse *parse, const json_t *files)
{
    struct manifest *manifest = parse->manifest;

    if (!json_is_array(files) || json_array_size(files) > MANIFEST_FILES_MAX) {
        return damaged(parse, "the list of files is not readable");
    }
    manifest->file_count = (unsigned)json_array_size(files);
    manifest->files =
        arena_calloc(&manifest->arena, manifest->file_count, sizeof manifest->files[0]);
    for (unsigned i = 0; i < manifest->file_count; i++) {
        if (!read_file(parse, json_array_get(files, i), &manifest->files[i])) {
            char what[64];

            snprintf(what, sizeof what, "file %u of the list is not readable", i + 1);
            return damaged(parse, what);
        }
    }
    return ERR_NONE;
}

static enum err read_collections(const struct parse *parse, const json_t *collections)
{
    struct manifest *manifest = parse->manifest;

    if (!json_is_array(collections) || json_array_size(collections) > DEFINITION_COLLECTIONS_MAX) {
        return damaged(parse, "the list of collections is not readable");
    }
    manifest->collection_count = (unsigned)json_array_size(collections);
    manifest->collections =
        arena_calloc(&manifest->arena, manifest->collection_count, sizeof manifest->collections[0]);
    for (unsigned i = 0; i < manifest->collection_count; i++) {
        const json_t *object = json_array_get(collections, i);
        struct manifest_collection *collection = &manifest->collections[i];

        if (!get_text(parse, object, "name", &collection->name) ||
            !member_unsigned(object, "rows", &collection->row_count) ||
            !member_unsigned(object, "keys", &collection->key_count) ||
            !member_hash(object, "logical", &collection->logical_hash)) {
            return damaged(parse, "the list of collections is not readable");
        }
    }
    return ERR_NONE;
}

/* The first release of a root has no parent. */
static bool get_parent(const json_t *root, struct manifest *manifest)
{
    if (json_object_get(root, "parent") == NULL) {
        return json_object_get(root, "parent_content") == NULL;
    }
    return member_unsigned(root, "parent", &manifest->parent_number) &&
           manifest->parent_number > 0 &&
           member_hash(root, "parent_content", &manifest->parent_content);
}

/* Absent where nobody has written, and in releases of earlier versions. */
static bool get_write_position(const json_t *root, struct manifest *manifest)
{
    return json_object_get(root, "write_position") == NULL ||
           (member_unsigned(root, "write_position", &manifest->write_position) &&
            manifest->write_position > 0);
}

static enum err read_root(const struct parse *parse, const json_t *root)
{
    struct manifest *manifest = parse->manifest;
    uint64_t format;
    uint64_t oldest;
    uint64_t built;
    enum err rc;

    if (!member_unsigned(root, "format", &format) ||
        !member_unsigned(root, "oldest_reader", &oldest)) {
        return damaged(parse, "this is not the manifest of a release");
    }
    if (oldest > FORMAT_VERSION) {
        return err_set(parse->msg, ERR_CORRUPT,
                       "%s: the release needs a program that reads format %" PRIu64
                       ", this one reads up to %d; install a newer vitrine",
                       parse->path, oldest, FORMAT_VERSION);
    }
    manifest->format = (unsigned)format;
    manifest->oldest_reader = (unsigned)oldest;
    if (!member_unsigned(root, "release", &manifest->number) ||
        !member_unsigned(root, "built_ms", &built) ||
        !get_text(parse, root, "definition", &manifest->definition_name) ||
        !get_text(parse, root, "source_position", &manifest->source_position) ||
        !member_hash(root, "definition_hash", &manifest->definition_hash) ||
        !member_hash(root, "content", &manifest->content_hash) || !get_parent(root, manifest) ||
        !get_write_position(root, manifest)) {
        return damaged(parse, "a member is missing or of the wrong type");
    }
    manifest->built_ms = (int64_t)built;
    rc = read_collections(parse, json_object_get(root, "collections"));
    if (rc == ERR_NONE) {
        rc = read_files(parse, json_object_get(root, "files"));
    }
    if (rc == ERR_NONE && content_hash(manifest) != manifest->content_hash) {
        return damaged(parse, "the content hash differs");
    }
    if (rc == ERR_NONE && definition_hash(manifest) != manifest->definition_hash) {
        return damaged(parse, "the definition hash differs from that of the file");
    }
    return rc;
}

enum err manifest_parse(const char *path, struct slice text, struct manifest **out,
                        struct errmsg *msg)
{
    struct parse parse = {.path = path, .msg = msg};
    json_error_t error;
    json_t *root;
    enum err rc = check_sum(&parse, text);

    if (rc != ERR_NONE) {
        return rc;
    }
    parse.manifest = memory_calloc(1, sizeof *parse.manifest);
    arena_init(&parse.manifest->arena, 16384);
    root = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    rc = root == NULL ? damaged(&parse, "the manifest is not JSON") : read_root(&parse, root);
    json_decref(root);
    if (rc != ERR_NONE) {
        manifest_free(parse.manifest);
        return rc;
    }
    *out = parse.manifest;
    return ERR_NONE;
}

enum err manifest_read(const char *path, struct manifest **out, struct errmsg *msg)
{
    struct buffer text;
    enum err rc;

    buffer_init(&text, MANIFEST_SIZE_MAX);
    rc = file_read(path, &text, msg);
    if (rc == ERR_NONE) {
        rc = manifest_parse(path, buffer_slice(&text), out, msg);
    }
    buffer_free(&text);
    return rc;
}

const struct manifest_collection *manifest_collection(const struct manifest *manifest,
                                                      struct slice name)
{
    for (unsigned i = 0; i < manifest->collection_count; i++) {
        if (slice_equal(manifest->collections[i].name, name)) {
            return &manifest->collections[i];
        }
    }
    return NULL;
}

void manifest_free(struct manifest *manifest)
{
    if (manifest != NULL) {
        arena_free(&manifest->arena);
        free(manifest);
    }
}
