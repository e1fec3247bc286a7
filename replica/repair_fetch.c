/* Good files by a transport: from another root, or from a bucket. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "replica/release.h"
#include "replica/repair.h"
#include "replica/transport.h"

/* A transport makes the folders of the name itself, so it gets one of its own. */
struct arrival {
    char *into;
    char *list;
    char *path; /* where the file will be */
};

static void arrival_make(struct arrival *arrival, const char *path,
                         const struct manifest_file *file)
{
    char *folder = memory_copy_str(path);

    *strrchr(folder, '/') = '\0';
    arrival->into = path_join(folder, "arriving");
    arrival->list = path_join(folder, "list");
    arrival->path = path_join(arrival->into, "%.*s", SLICE_ARG(file->path));
    free(folder);
}

static void arrival_free(struct arrival *arrival)
{
    free(arrival->into);
    free(arrival->list);
    free(arrival->path);
}

/* Whole: the file here is damaged, and maybe cannot even be read. */
static enum err fetch(struct transport *transport, const struct arrival *arrival,
                      const char *release, const struct manifest_file *file, struct errmsg *msg)
{
    struct transport_traffic traffic = {0};
    struct buffer name;
    char *from = path_join("releases", "%s", release);
    enum err rc;

    buffer_init(&name, SIZE_MAX / 2);
    buffer_append_slice(&name, file->path);
    buffer_append_byte(&name, '\0');
    rc = transport_fetch(transport,
                         &(struct transport_fetch){.from = from,
                                                   .into = arrival->into,
                                                   .names = buffer_slice(&name),
                                                   .list = arrival->list,
                                                   .starts_anew = true},
                         &traffic, msg);
    buffer_free(&name);
    free(from);
    return rc;
}

enum err repair_by_transport(void *context, const struct manifest *manifest,
                             const struct manifest_file *file, const char *path, struct errmsg *msg)
{
    struct transport *transport = context;
    struct arrival arrival;
    struct stat st;
    char name[RELEASE_NAME_MAX];
    enum err rc;

    release_name(name, manifest->number);
    arrival_make(&arrival, path, file);
    rc = dir_make(arrival.into, msg);
    if (rc == ERR_NONE) {
        rc = fetch(transport, &arrival, name, file, msg);
    }
    if (rc == ERR_NOT_FOUND) {
        rc = err_wrap(msg, rc, "release %s", name);
    }
    if (rc == ERR_NONE && (lstat(arrival.path, &st) != 0 || !S_ISREG(st.st_mode))) {
        rc = err_set(msg, ERR_NOT_FOUND, "release %s of %s has no such regular file", name,
                     transport_name(transport));
    }
    if (rc == ERR_NONE) {
        rc = file_rename(arrival.path, path, msg);
    }
    arrival_free(&arrival);
    return rc;
}
