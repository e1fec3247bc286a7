#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/progress.h"
#include "base/timestamp.h"
#include "commands/commands.h"
#include "replica/release.h"

struct releases_arguments {
    const char *root;
};

static const struct option options[] = {
    OPTION_REQUIRED("root", "DIR", struct releases_arguments, root,
                    "the folder with releases/ and current"),
    OPTION_END,
};

static void print_release(const char *root, uint64_t number, const char *current)
{
    struct manifest *manifest = NULL;
    struct errmsg msg;
    char name[24];
    char *dir = path_join(root, "releases/%s", release_name(name, number));
    char *path = path_join(dir, "manifest.json");

    if (manifest_read(path, &manifest, &msg) != ERR_NONE) {
        printf("%-8s damaged: %s\n", name, msg.text);
    } else {
        uint64_t bytes = 0;
        uint64_t rows = 0;
        char when[TIMESTAMP_TEXT_LEN];
        char grouped_bytes[32];
        char grouped_rows[32];

        for (unsigned i = 0; i < manifest->file_count; i++) {
            bytes += manifest->files[i].size_bytes;
            rows += manifest->files[i].kind == FILE_PARTITION ? manifest->files[i].row_count : 0;
        }
        timestamp_write(when, manifest->built_ms);
        printf("%-8s %.19s %16s %14s  %016" PRIx64 "  %s\n", name, when,
               grouped(grouped_bytes, bytes), grouped(grouped_rows, rows), manifest->content_hash,
               current != NULL && strcmp(current, dir) == 0 ? "current" : "");
    }
    manifest_free(manifest);
    free(path);
    free(dir);
}

static int run(const struct command *command, int argc, char **argv)
{
    struct releases_arguments given;
    struct arguments arguments;
    struct errmsg msg;
    uint64_t *numbers = NULL;
    unsigned count = 0;
    char *current = NULL;
    bool done;
    enum err rc;
    int code = options_begin(command, argc, argv, &given, &arguments, &done);

    if (done) {
        return code;
    }
    rc = root_releases(given.root, &numbers, &count, &msg);
    if (rc == ERR_NONE && count == 0) {
        rc = err_set(&msg, ERR_NOT_FOUND,
                     "%s: no releases here; `vitrine build --root %s` makes one", given.root,
                     given.root);
    }
    if (rc == ERR_NONE) {
        struct errmsg ignored; /* without a current release the list is still worth seeing */

        if (root_current(given.root, &current, &ignored) != ERR_NONE) {
            current = NULL;
        }
        printf("%-8s %-19s %16s %14s  %-16s\n", "release", "built (UTC)", "bytes", "rows",
               "content");
        for (unsigned i = 0; i < count; i++) {
            print_release(given.root, numbers[i], current);
        }
    }
    free(current);
    free(numbers);
    return options_end(command, rc, &msg);
}

const struct command command_releases = {
    .name = "releases",
    .usage = "--root DIR",
    .about = "lists the releases of a root",
    .options = options,
    .run = run,
};
