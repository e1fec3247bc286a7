#include "replica/diff.h"

#include "replica/walk.h"

/* One of the two releases. */
struct side {
    struct reader *reader;
    int index; /* of the collection; -1: not there */
    struct walk walk;
    struct key key;
    bool has_key; /* `key` is the next one of this side */
};

struct comparing {
    struct side sides[2];
    struct arena arena; /* of one key */
    diff_visit visit;
    void *context;
    struct diff *out;
};

static int collection_index(const struct reader *reader, struct slice name)
{
    const struct definition *definition = reader_release(reader)->definition;

    for (unsigned i = 0; i < definition->collection_count; i++) {
        if (slice_equal(definition->collections[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}

static enum err advance(struct side *side, struct errmsg *msg)
{
    if (side->index < 0) {
        return ERR_NONE;
    }
    return walk_next(&side->walk, &side->key, &side->has_key, msg);
}

static void begin_side(struct side *side, struct reader *reader, struct slice name)
{
    *side = (struct side){.reader = reader, .index = collection_index(reader, name)};
    if (side->index >= 0) {
        walk_open(&side->walk, reader, (unsigned)side->index);
    }
}

/* Which of the two keys comes first: <0, 0, >0. Integers come before texts. */
static int compare(const struct side *before, const struct side *after)
{
    const struct key *a = &before->key;
    const struct key *b = &after->key;

    if (!before->has_key || !after->has_key) {
        return before->has_key ? -1 : 1;
    }
    if (a->is_text != b->is_text) {
        return a->is_text ? 1 : -1;
    }
    return a->is_text ? slice_compare(a->text, b->text)
                      : (a->integer > b->integer) - (a->integer < b->integer);
}

/* Counts the rows of the side's key and gives the hash of its content. */
static enum err look(struct comparing *comparing, unsigned which, uint64_t *hash,
                     struct errmsg *msg)
{
    struct side *side = &comparing->sides[which];
    struct group group;
    bool found;
    enum err rc = reader_find(side->reader, (unsigned)side->index, &side->key, &comparing->arena,
                              &group, &found, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (!found) {
        return err_set(msg, ERR_CORRUPT, "%s: a key of its list has no rows",
                       reader_release(side->reader)->dir);
    }
    comparing->out->keys[which]++;
    comparing->out->rows[which] += group.row_count;
    *hash = group.content_hash;
    return ERR_NONE;
}

static void report(struct comparing *comparing, enum diff_kind kind, const struct key *key)
{
    comparing->out->counts[kind]++;
    if (comparing->visit != NULL) {
        comparing->visit(comparing->context, kind, key);
    }
}

/* The least key that is left: of one side, or of both. */
static enum err compare_key(struct comparing *comparing, struct errmsg *msg)
{
    struct side *sides = comparing->sides;
    int order = compare(&sides[0], &sides[1]);
    uint64_t hashes[2] = {0, 0};
    enum err rc = ERR_NONE;

    if (order <= 0) {
        rc = look(comparing, 0, &hashes[0], msg);
    }
    if (rc == ERR_NONE && order >= 0) {
        rc = look(comparing, 1, &hashes[1], msg);
    }
    if (rc == ERR_NONE && (order != 0 || hashes[0] != hashes[1])) {
        report(comparing,
               order == 0  ? DIFF_CHANGED
               : order < 0 ? DIFF_REMOVED
                           : DIFF_ADDED,
               &sides[order > 0].key);
    }
    arena_reset(&comparing->arena);
    if (rc == ERR_NONE && order <= 0) {
        rc = advance(&sides[0], msg);
    }
    if (rc == ERR_NONE && order >= 0) {
        rc = advance(&sides[1], msg);
    }
    return rc;
}

enum err diff_collection(struct reader *before, struct reader *after, struct slice name,
                         diff_visit visit, void *context, struct diff *out, struct errmsg *msg)
{
    struct comparing comparing = {.visit = visit, .context = context, .out = out};
    enum err rc;

    *out = (struct diff){.rows = {0}};
    arena_init(&comparing.arena, 65536);
    begin_side(&comparing.sides[0], before, name);
    begin_side(&comparing.sides[1], after, name);
    rc = advance(&comparing.sides[0], msg);
    if (rc == ERR_NONE) {
        rc = advance(&comparing.sides[1], msg);
    }
    while (rc == ERR_NONE && (comparing.sides[0].has_key || comparing.sides[1].has_key)) {
        rc = compare_key(&comparing, msg);
    }
    walk_close(&comparing.sides[0].walk);
    walk_close(&comparing.sides[1].walk);
    arena_free(&comparing.arena);
    return rc;
}
