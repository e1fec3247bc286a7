/*
 * What changes in a root: state.json and `current`, under one lock, in this order, so that a kill
 * between the two leaves what was to be remembered remembered.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/timestamp.h"
#include "replica/release.h"
#include "replica/root.h"
#include "replica/root_inside.h"

enum { LOCK_STEP_MS = 10 };

/* ---- the lock ---- */

static enum err wait_for_lock(int fd, const char *path, struct errmsg *msg)
{
    static const struct timespec step = {.tv_nsec = LOCK_STEP_MS * 1000000};

    for (int waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited_ms += LOCK_STEP_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return err_sys(msg, errno, "lock %s", path);
        }
        if (waited_ms >= ROOT_LOCK_WAIT_MS) {
            return err_set(msg, ERR_SYSTEM, "%s: another process has held it for %d s", path,
                           ROOT_LOCK_WAIT_MS / 1000);
        }
        nanosleep(&step, NULL);
    }
    return ERR_NONE;
}

enum err root_lock(const char *root, int *fd, struct errmsg *msg)
{
    char *path = path_join(root, ".state-lock");
    int lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    enum err rc = lock_fd < 0 ? err_sys(msg, errno, "open %s", path) : ERR_NONE;

    if (rc == ERR_NONE) {
        rc = wait_for_lock(lock_fd, path, msg);
    }
    if (rc == ERR_NONE) {
        *fd = lock_fd;
    } else if (lock_fd >= 0) {
        close(lock_fd);
    }
    free(path);
    return rc;
}

/* ---- a change ---- */

/* The neighbours through which file_write and link_replace work: state.json.Ab12Cd, current.77.new */
static bool is_leftover(const char *name)
{
    size_t digits;

    if (strncmp(name, "state.json.", 11) == 0) {
        return true;
    }
    if (strncmp(name, "current.", 8) != 0) {
        return false;
    }
    digits = strspn(name + 8, "0123456789");
    return digits > 0 && strcmp(name + 8 + digits, ".new") == 0;
}

/* What a kill left. Under the lock nobody else is at work on them. */
static void remove_leftovers(const char *root)
{
    DIR *dir = opendir(root);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (is_leftover(entry->d_name)) {
            unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

void change_end(struct change *change)
{
    if (change->lock_fd >= 0) {
        close(change->lock_fd);
    }
    root_state_free(&change->state);
    buffer_free(&change->before);
    free(change->path);
}

enum err change_begin(struct change *change, const char *root, struct errmsg *msg)
{
    enum err rc;

    *change = (struct change){.root = root, .lock_fd = -1, .path = path_join(root, "state.json")};
    buffer_init(&change->before, ROOT_STATE_SIZE_MAX);
    arena_init(&change->state.arena, 64);
    rc = root_lock(root, &change->lock_fd, msg);
    if (rc == ERR_NONE) {
        remove_leftovers(root);
        if (file_exists(change->path)) {
            rc = file_read(change->path, &change->before, msg);
        }
    }
    if (rc == ERR_NONE) {
        arena_free(&change->state.arena);
        rc = root_state_read(root, &change->state, msg);
    }
    return rc;
}

static enum err write_state(const struct change *change, struct errmsg *msg)
{
    bool is_empty =
        !change->state.is_pinned && change->state.mark_count == 0 && change->state.highest == 0;
    struct buffer text;
    enum err rc = ERR_NONE;

    buffer_init(&text, ROOT_STATE_SIZE_MAX);
    root_state_write(&change->state, &text);
    if (!slice_equal(buffer_slice(&text), buffer_slice(&change->before)) &&
        !(is_empty && change->before.len == 0)) {
        rc = file_write(change->path, buffer_slice(&text), msg);
    }
    buffer_free(&text);
    return rc;
}

/* What is told is the error that led here. */
static void restore_state(const struct change *change)
{
    struct errmsg ignored;
    enum err rc = ERR_NONE;

    if (change->before.len == 0) {
        unlink(change->path);
    } else {
        rc = file_write(change->path, buffer_slice(&change->before), &ignored);
    }
    (void)rc;
}

/* After a link_replace that failed: it may lead elsewhere already, only not durably. FORMER may be NULL. */
static void restore_link(const char *link, const char *former)
{
    struct errmsg ignored; /* what is told is the error that led here */
    enum err rc = ERR_NONE;

    if (former == NULL) {
        unlink(link);
    } else {
        rc = link_replace(former, link, &ignored);
    }
    (void)rc;
}

/* Points `current` at release NUMBER, or leaves it as it was. */
static enum err relink(const struct change *change, uint64_t number, struct errmsg *msg)
{
    char name[RELEASE_NAME_MAX];
    char *link = path_join(change->root, "current");
    char *target = path_join("releases", "%s", release_name(name, number));
    char *former = link_read(link);
    enum err rc = ERR_NONE;

    if (former == NULL && errno != ENOENT) { /* what it was could not be brought back */
        rc = err_sys(msg, errno, "read the link %s", link);
    } else if (former == NULL || strcmp(former, target) != 0) {
        rc = link_replace(target, link, msg);
        if (rc != ERR_NONE) {
            restore_link(link, former);
        }
    }
    free(former);
    free(target);
    free(link);
    return rc;
}

/* Whoever asks may have waited for the lock while retention removed the release. */
static enum err check_there(const struct change *change, uint64_t number, struct errmsg *msg)
{
    char *dir = root_release_dir(change->root, number);
    char name[RELEASE_NAME_MAX];
    enum err rc = file_exists(dir) ? ERR_NONE
                                   : err_set(msg, ERR_NOT_FOUND,
                                             "release %s was removed meanwhile; `vitrine releases "
                                             "--root %s` lists what there is",
                                             release_name(name, number), change->root);

    free(dir);
    return rc;
}

uint64_t change_highest(const struct change *change)
{
    uint64_t current = 0;

    return root_current_number(change->root, &current) && current > change->state.highest
               ? current
               : change->state.highest;
}

enum err change_commit(struct change *change, const uint64_t *number, struct errmsg *msg)
{
    enum err rc;

    if (number != NULL) {
        uint64_t highest = change_highest(change);

        change->state.highest = *number > highest ? *number : highest;
        rc = check_there(change, *number, msg);
        if (rc != ERR_NONE) {
            return rc;
        }
    }
    rc = write_state(change, msg);
    if (rc == ERR_NONE && number != NULL) {
        rc = relink(change, *number, msg);
    }
    if (rc != ERR_NONE) {
        restore_state(change);
    }
    return rc;
}

/* ---- what several changes do ---- */

enum err change_mark(struct change *change, enum mark_kind kind, uint64_t number,
                     const char *reason, struct errmsg *msg)
{
    uint64_t hash;
    enum err rc = root_content(change->root, number, &hash, msg);

    if (rc == ERR_NONE) {
        change_mark_content(change, kind, number, hash, reason);
    }
    return rc;
}

void change_mark_content(struct change *change, enum mark_kind kind, uint64_t number,
                         uint64_t content_hash, const char *reason)
{
    struct root_mark mark = {
        .kind = kind, .number = number, .content_hash = content_hash, .reason = slice_str(reason)};
    const struct root_mark *there = root_state_mark(&change->state, number, content_hash);

    if (there == NULL || there->kind != kind || !slice_is(there->reason, reason)) {
        mark.at_ms = timestamp_now_ms();
        root_state_add(&change->state, mark);
    }
}

enum err change_check_pin(const struct change *change, uint64_t number, struct errmsg *msg)
{
    char name[RELEASE_NAME_MAX];

    if (!change->state.is_pinned || change->state.pinned == number) {
        return ERR_NONE;
    }
    return err_set(msg, ERR_REFUSED,
                   "the root is pinned to release %s; `vitrine unpin --root %s` ends that",
                   release_name(name, change->state.pinned), change->root);
}
