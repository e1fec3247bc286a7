#include "builder/file_list.h"

#include <stdlib.h>

#include "base/file.h"
#include "replica/verify.h"

enum err file_list_add(struct file_list *files, const char *release_dir, struct manifest_file entry,
                       struct errmsg *msg)
{
    bool has_pages = entry.kind == FILE_PARTITION || entry.kind == FILE_LISTING;
    char *path = path_join(release_dir, "%.*s", SLICE_ARG(entry.path));
    enum err rc;

    entry.first_page = files->pages->len / 8;
    rc = file_hash(path, &entry.hash, &entry.size_bytes, has_pages ? files->pages : NULL, msg);
    free(path);
    if (rc != ERR_NONE) {
        return rc;
    }
    if (files->count == files->room) {
        files->room = files->room == 0 ? 32 : files->room * 2;
        files->items = memory_realloc(files->items, files->room * sizeof *files->items);
    }
    files->items[files->count++] = entry;
    return ERR_NONE;
}

void file_list_clear(struct file_list *files)
{
    files->count = 0;
    buffer_clear(files->pages);
}
