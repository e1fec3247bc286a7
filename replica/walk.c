#include "replica/walk.h"

#include "replica/reader_inside.h"

void walk_open(struct walk *walk, struct reader *reader, unsigned collection_index)
{
    *walk = (struct walk){.reader = reader, .collection_index = collection_index};
}

void walk_close(struct walk *walk)
{
    sqlite3_finalize(walk->statement);
    walk->statement = NULL;
}

static bool has_text_keys(const struct walk *walk)
{
    const struct definition *definition = walk->reader->release->definition;

    return definition->collections[walk->collection_index].key_is_text;
}

static enum err damaged(struct partition *partition, struct errmsg *msg)
{
    return err_set(msg, ERR_CORRUPT, "read %s: %s", partition->path, sqlite3_errmsg(partition->db));
}

/* One step in a partition; *FOUND is false at its end. */
static enum err step(struct walk *walk, struct partition *partition, struct key *key, bool *found,
                     struct errmsg *msg)
{
    bool is_text = has_text_keys(walk);
    int rc;

    if (walk->statement == NULL &&
        sqlite3_prepare_v2(partition->db,
                           is_text ? "SELECT name FROM keys ORDER BY name"
                                   : "SELECT key FROM groups ORDER BY key",
                           -1, &walk->statement, NULL) != SQLITE_OK) {
        return damaged(partition, msg);
    }
    rc = sqlite3_step(walk->statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return damaged(partition, msg);
    }
    *found = rc == SQLITE_ROW;
    if (*found && is_text) {
        const char *text = (const char *)sqlite3_column_text(walk->statement, 0);

        *key =
            (struct key){.is_text = true,
                         .text = slice_of(text, (size_t)sqlite3_column_bytes(walk->statement, 0))};
    } else if (*found) {
        *key = (struct key){.integer = sqlite3_column_int64(walk->statement, 0)};
    }
    return ERR_NONE;
}

enum err walk_next(struct walk *walk, struct key *key, bool *found, struct errmsg *msg)
{
    struct collection_files *files = &walk->reader->collections[walk->collection_index];
    enum err rc = ERR_NONE;

    *found = false;
    while (rc == ERR_NONE && !*found && walk->partition < files->partition_count) {
        rc = step(walk, &files->partitions[walk->partition], key, found, msg);
        if (rc == ERR_NONE && !*found) {
            walk_close(walk);
            walk->partition++;
        }
    }
    return rc;
}
