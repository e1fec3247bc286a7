/*
 * A root in a folder of its own, whose releases are manifests without files: all that root.h looks at.
 */
#ifndef VITRINE_TESTS_UNIT_REPLICA_ROOT_FIXTURE_H
#define VITRINE_TESTS_UNIT_REPLICA_ROOT_FIXTURE_H

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "replica/format.h"
#include "replica/manifest.h"
#include "replica/root.h"
#include "replica/root_state.h"

struct place {
    char root[64];
    struct errmsg msg;
};

#define PLACE_OK(place, call)                                                                      \
    do {                                                                                           \
        if ((call) != ERR_NONE) {                                                                  \
            fail_msg("%s: %s", #call, (place)->msg.text);                                          \
        }                                                                                          \
    } while (0)

static inline void place_make(struct place *place)
{
    snprintf(place->root, sizeof place->root, "%s/vitrine_root_XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(place->root));
}

static inline void place_remove(struct place *place)
{
    PLACE_OK(place, dir_remove(place->root, &place->msg));
}

/* Release NUMBER, whose content differs from that of another one when CONTENT does. */
static inline void place_add(struct place *place, uint64_t number, uint64_t content)
{
    struct manifest_file file = {
        .kind = FILE_DEFINITION, .path = slice_str("definition.yaml"), .hash = content};
    struct manifest manifest = {.number = number,
                                .format = FORMAT_VERSION,
                                .oldest_reader = FORMAT_VERSION,
                                .definition_name = slice_str("place"),
                                .source_position = slice_str(""),
                                .files = &file,
                                .file_count = 1};
    char *dir = root_release_dir(place->root, number);
    char *path = path_join(dir, "manifest.json");
    struct buffer text;

    buffer_init(&text, MANIFEST_SIZE_MAX);
    manifest_write(&manifest, &text);
    PLACE_OK(place, dir_make(dir, &place->msg));
    PLACE_OK(place, file_write(path, buffer_slice(&text), &place->msg));
    buffer_free(&text);
    free(path);
    free(dir);
}

/* What ROOT/current leads to; 0 for nothing. */
static inline uint64_t place_current(const struct place *place)
{
    uint64_t number;

    return root_current_number(place->root, &number) ? number : 0;
}

/* state.json, or nothing, on the heap. */
static inline char *place_state(struct place *place)
{
    char *path = path_join(place->root, "state.json");
    struct buffer text;

    buffer_init(&text, ROOT_STATE_SIZE_MAX);
    if (file_exists(path)) {
        PLACE_OK(place, file_read(path, &text, &place->msg));
    }
    free(path);
    buffer_append_byte(&text, '\0');
    return text.ptr;
}

/* How many names there are in the root, hidden ones included. */
static inline unsigned place_count_names(const struct place *place)
{
    DIR *dir = opendir(place->root);
    struct dirent *entry;
    unsigned count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(dir);
    return count;
}

#endif
