#include "replica/pointer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/buffer.h"
#include "base/err.h"
#include "base/file.h"
#include "replica/release.h"

bool pointer_equal(const struct pointer *a, const struct pointer *b)
{
    return a->number == b->number && a->manifest_hash == b->manifest_hash;
}

char *pointer_write(const struct pointer *pointer, char *text)
{
    char name[RELEASE_NAME_MAX];

    snprintf(text, POINTER_TEXT_MAX, "%s %016" PRIx64 "\n", release_name(name, pointer->number),
             pointer->manifest_hash);
    return text;
}

bool pointer_parse(struct slice text, struct pointer *out)
{
    struct pointer read;
    char copy[POINTER_TEXT_MAX];
    char again[POINTER_TEXT_MAX];
    char *blank;

    if (text.len >= sizeof copy || memchr(text.ptr, '\0', text.len) != NULL) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    blank = strchr(copy, ' ');
    if (blank == NULL) {
        return false;
    }
    *blank = '\0';
    if (!release_number(copy, &read.number)) {
        return false;
    }
    read.manifest_hash = strtoull(blank + 1, NULL, 16);
    if (!slice_is(text, pointer_write(&read, again))) { /* there is one way to write it */
        return false;
    }
    *out = read;
    return true;
}

bool pointer_read(const char *path, struct pointer *out)
{
    struct errmsg ignored;
    struct buffer text;
    bool is_read;

    buffer_init(&text, POINTER_TEXT_MAX);
    is_read =
        file_read(path, &text, &ignored) == ERR_NONE && pointer_parse(buffer_slice(&text), out);
    buffer_free(&text);
    return is_read;
}

uint64_t pointer_hash(struct slice manifest)
{
    return XXH3_64bits(manifest.ptr, manifest.len);
}
