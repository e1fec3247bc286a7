#include "service/many.h"

#include "base/json.h"
#include "base/number.h"
#include "service/etag.h"
#include "service/url.h"

/* ---- the keys of a request ---- */

/* Places of the keys that were read, by hash; 0 is free, otherwise the key's number from 1. */
struct seen {
    uint16_t *slots;
    unsigned mask;
};

_Static_assert(DEFINITION_KEYS_MAX < UINT16_MAX, "a slot holds the number of any key");

static unsigned hash(const struct key *key)
{
    uint64_t value = (uint64_t)key->integer;

    for (size_t i = 0; key->is_text && i < key->text.len; i++) {
        value = (value ^ (unsigned char)key->text.ptr[i]) * 1099511628211U;
    }
    return (unsigned)(value * 0x9E3779B97F4A7C15U >> 32);
}

static bool is_equal(const struct key *a, const struct key *b)
{
    return a->is_text ? slice_equal(a->text, b->text) : a->integer == b->integer;
}

static struct seen seen_make(unsigned count, struct arena *arena)
{
    unsigned size = 4;

    while (size < count * 2) {
        size *= 2;
    }
    return (struct seen){.slots = arena_calloc(arena, size, sizeof(uint16_t)), .mask = size - 1};
}

/* Adds the key that stands behind those of MANY, unless it is one of them. */
static void add(struct many *many, struct seen *seen)
{
    const struct key *key = &many->keys[many->count].key;
    unsigned at = hash(key) & seen->mask;

    while (seen->slots[at] != 0) {
        if (is_equal(&many->keys[seen->slots[at] - 1].key, key)) {
            return;
        }
        at = (at + 1) & seen->mask;
    }
    seen->slots[at] = (uint16_t)++many->count;
}

static unsigned count_items(struct slice list)
{
    unsigned count = 1;

    for (size_t i = 0; i < list.len; i++) {
        count += list.ptr[i] == ',';
    }
    return count;
}

static struct slice next_item(struct slice *list)
{
    const char *comma = list->len == 0 ? NULL : memchr(list->ptr, ',', list->len);
    struct slice item = *list;

    if (comma != NULL) {
        item.len = (size_t)(comma - list->ptr);
        *list = slice_of(comma + 1, list->len - item.len - 1);
    }
    return item;
}

const struct failure *many_read(const struct route *route, struct slice query, struct arena *arena,
                                struct many *out)
{
    bool is_text = route->collection->key_is_text;
    struct seen seen;
    struct slice list;
    unsigned count;

    if (!url_parameter_raw(query, route->key.name, arena, &list)) {
        return &route->invalid_key;
    }
    list = is_text ? list : url_decode(list, URL_QUERY, arena);
    count = count_items(list);
    if (count > route->most_keys) {
        return &route->too_many;
    }
    *out = (struct many){.text = list, .keys = arena_alloc(arena, count * sizeof *out->keys)};
    seen = seen_make(count, arena);
    for (unsigned i = 0; i < count; i++) {
        struct many_key *key = &out->keys[out->count];

        key->text = next_item(&list);
        key->text = is_text ? url_decode(key->text, URL_QUERY, arena) : key->text;
        if (!ask_read_key(is_text, key->text, &key->key)) {
            return &route->invalid_key;
        }
        add(out, &seen);
    }
    return NULL;
}

/* ---- their answers ---- */

/* "KEY": */
static void append_name(const struct key *key, struct buffer *out)
{
    if (key->is_text) {
        json_write_string(out, key->text);
    } else {
        char *p = buffer_reserve(out, INTEGER_TEXT_MAX + 2);

        if (p != NULL) {
            unsigned len = write_integer(p + 1, key->integer);

            p[0] = '"';
            p[len + 1] = '"';
            out->len += len + 2;
        }
    }
    buffer_append_byte(out, ':');
}

/* One key with the comma behind it; a key that is not there may be nothing. */
static enum err append_key(struct page *page, const struct program *program, struct buffer *out,
                           struct errmsg *msg)
{
    enum err rc;

    arena_reset(page->row_arena);
    rc = page_open(page, msg);
    if (rc == ERR_NONE) {
        rc = page_read(page, program->vectors, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    if (page->found) {
        if (page->route->is_map) {
            append_name(&page->ask->key, out);
        }
        rc = program_run(program, &page->view, out, msg);
        buffer_append_byte(out, ',');
    } else if (!page->route->is_map) {
        buffer_append_str(out, "null,");
    }
    return rc;
}

enum err many_append(const struct many *many, const struct program *program, struct page *page,
                     const struct ask *ask, struct buffer *out, struct errmsg *msg)
{
    struct ask one = *ask;
    struct page own = *page;
    enum err rc = ERR_NONE;
    uint64_t shown = 0;
    size_t start;

    buffer_append_byte(out, page->route->is_map ? '{' : '[');
    start = out->len;
    own.ask = &one;
    own.arena = page->row_arena;
    for (unsigned i = 0; i < many->count && rc == ERR_NONE; i++) {
        one.key = many->keys[i].key;
        one.key_text = many->keys[i].text;
        rc = append_key(&own, program, out, msg);
        shown = etag_join(shown, own.found ? own.group.content_hash : 0);
    }
    page->shown = shown;
    if (out->len > start && !out->overflowed) {
        out->len--; /* the comma after the last one */
    }
    buffer_append_byte(out, page->route->is_map ? '}' : ']');
    return rc;
}
