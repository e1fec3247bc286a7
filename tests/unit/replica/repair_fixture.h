/*
 * A release with a damaged file, and a source that has a good copy of it: for the tests of repair, with
 * and without faults.
 */
#ifndef VITRINE_TESTS_UNIT_REPLICA_REPAIR_FIXTURE_H
#define VITRINE_TESTS_UNIT_REPLICA_REPAIR_FIXTURE_H

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replica/repair.h"
#include "replica/root.h"
#include "tests/unit/replica/release_fixture.h"

#define DAMAGED_FILE "notes/0001.db"

struct repair_place {
    char root[80]; /* of the peer, with the same release */
    char *dir;     /* the damaged release */
    struct fixture *fixture;
    const struct manifest_file *file; /* DAMAGED_FILE */
    struct buffer good;               /* what it held */
};

static inline void flip_byte(const char *path, off_t offset)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char byte;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
}

static inline void copy_file(const char *from, const char *to)
{
    struct buffer content;
    struct errmsg msg;

    buffer_init(&content, 1 << 24);
    assert_int_equal(file_read(from, &content, &msg), ERR_NONE);
    assert_int_equal(file_write(to, buffer_slice(&content), &msg), ERR_NONE);
    buffer_free(&content);
}

/* The file of the release here, or with PEER in the release of the peer; on the heap. */
static inline char *damaged_path(const struct repair_place *place, bool peer)
{
    return peer ? path_join(place->root, "releases/000007/" DAMAGED_FILE)
                : path_join(place->dir, DAMAGED_FILE);
}

/* Bytes of the file as it is now. */
static inline bool file_is_good(const struct repair_place *place)
{
    char *path = damaged_path(place, false);
    struct buffer content;
    struct errmsg msg;
    bool good;

    buffer_init(&content, 1 << 24);
    good = file_read(path, &content, &msg) == ERR_NONE &&
           slice_equal(buffer_slice(&content), buffer_slice(&place->good));
    buffer_free(&content);
    free(path);
    return good;
}

static inline void repair_place_damage(const struct repair_place *place)
{
    char *path = damaged_path(place, false);

    copy_file(path, path); /* an inode of its own, whatever happened before */
    flip_byte(path, 5000);
    free(path);
}

static inline void repair_place_make(struct repair_place *place, struct fixture *fixture)
{
    char *peer;

    fixture_begin(fixture, DAMAGED_FILE, STORE_PARTITION);
    for (unsigned key = 0; key < 100; key++) {
        fixture_group(fixture, integer_key(key), 10, key, 60);
    }
    fixture_end(fixture, DAMAGED_FILE, integer_key(0), integer_key(99));
    fixture_open(fixture);
    *place = (struct repair_place){.fixture = fixture, .dir = fixture->folder};
    place->file = &fixture->release->manifest->files[0];
    assert_true(slice_is(place->file->path, DAMAGED_FILE));
    snprintf(place->root, sizeof place->root, "%s/peer", fixture->folder);
    peer = path_join(place->root, "releases/000007/notes");
    OK(dir_make(peer, &fixture->msg));
    *strrchr(peer, '/') = '\0';
    for (unsigned i = 0; i < 2; i++) {
        const char *name = i == 0 ? DAMAGED_FILE : "manifest.json";
        char *from = path_join(place->dir, "%s", name);
        char *to = path_join(peer, "%s", name);

        copy_file(from, to);
        free(to);
        free(from);
    }
    free(peer);
    peer = damaged_path(place, true);
    buffer_init(&place->good, 1 << 24);
    OK(file_read(peer, &place->good, &fixture->msg));
    free(peer);
    repair_place_damage(place);
}

static inline void repair_place_free(struct repair_place *place)
{
    buffer_free(&place->good);
}

static inline enum err repair_place_run(struct repair_place *place, struct errmsg *msg)
{
    struct repair_source source = {
        .fetch = repair_from_root, .context = place->root, .name = "a peer"};

    return repair_file(place->dir, place->fixture->release->manifest, place->file, &source, msg);
}

static inline bool repair_place_has_rest(const struct repair_place *place)
{
    char *path = path_join(place->dir, "../.repair-%s", strrchr(place->dir, '/') + 1);
    bool has_rest = file_exists(path);

    free(path);
    return has_rest;
}

#endif
