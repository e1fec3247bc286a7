#include "replica/root_state.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "replica/json_members.h"

enum { STATE_VERSION = 1 };

static const char *const mark_names[] = {
    [MARK_REFUSED] = "refused",
    [MARK_ROLLED_BACK] = "rolled back",
};

enum { MARK_KINDS = sizeof mark_names / sizeof mark_names[0] };

const char *mark_name(enum mark_kind kind)
{
    return mark_names[kind];
}

/* ---- marks ---- */

const struct root_mark *root_state_mark(const struct root_state *state, uint64_t number,
                                        uint64_t content_hash)
{
    for (unsigned i = 0; i < state->mark_count; i++) {
        if (state->marks[i].number == number && state->marks[i].content_hash == content_hash) {
            return &state->marks[i];
        }
    }
    return NULL;
}

const struct root_mark *root_state_rolled_back(const struct root_state *state,
                                               uint64_t content_hash)
{
    for (unsigned i = 0; i < state->mark_count; i++) {
        if (state->marks[i].kind == MARK_ROLLED_BACK && content_hash != 0 &&
            state->marks[i].content_hash == content_hash) {
            return &state->marks[i];
        }
    }
    return NULL;
}

static void remove_at(struct root_state *state, unsigned index)
{
    state->mark_count--;
    memmove(&state->marks[index], &state->marks[index + 1],
            (state->mark_count - index) * sizeof state->marks[0]);
}

void root_state_remove(struct root_state *state, uint64_t number, uint64_t content_hash)
{
    const struct root_mark *mark = root_state_mark(state, number, content_hash);

    if (mark != NULL) {
        remove_at(state, (unsigned)(mark - state->marks));
    }
}

/* REASON comes from a command line or names files, so it may be long and hold any bytes. */
static struct slice presentable(struct root_state *state, struct slice reason)
{
    struct slice copy;
    char *bytes;

    if (reason.len > ROOT_REASON_MAX) {
        reason.len = ROOT_REASON_MAX;
        while (reason.len > 0 && ((uint8_t)reason.ptr[reason.len] & 0xc0) == 0x80) {
            reason.len--;
        }
    }
    copy = arena_copy(&state->arena, reason);
    bytes = (char *)copy.ptr;
    for (size_t i = 0; !utf8_is_valid(copy) && i < copy.len; i++) {
        bytes[i] = (uint8_t)bytes[i] < 0x80 ? bytes[i] : '?';
    }
    return copy;
}

void root_state_add(struct root_state *state, struct root_mark mark)
{
    mark.reason = presentable(state, mark.reason);
    root_state_remove(state, mark.number, mark.content_hash);
    if (state->mark_count == ROOT_MARKS_MAX) {
        remove_at(state, 0);
    }
    state->marks[state->mark_count++] = mark;
}

/* ---- writing ---- */

static void write_mark(const struct root_mark *mark, struct buffer *out)
{
    char at[TIMESTAMP_TEXT_LEN];

    timestamp_write(at, mark->at_ms);
    buffer_printf(out, "    {\"release\": %" PRIu64 ", \"content\": \"%016" PRIx64 "\", ",
                  mark->number, mark->content_hash);
    buffer_printf(out, "\"mark\": \"%s\", \"at\": \"%.*s\", \"reason\": ", mark_names[mark->kind],
                  TIMESTAMP_TEXT_LEN, at);
    json_write_string(out, mark->reason);
    buffer_append_byte(out, '}');
}

void root_state_write(const struct root_state *state, struct buffer *out)
{
    buffer_printf(out, "{\n  \"vitrine\": \"root\",\n  \"version\": %d,\n", STATE_VERSION);
    if (state->highest > 0) {
        buffer_printf(out, "  \"highest\": %" PRIu64 ",\n", state->highest);
    }
    if (state->is_pinned) {
        buffer_printf(out, "  \"pinned\": %" PRIu64 ",\n", state->pinned);
    }
    buffer_append_str(out, "  \"marks\": [\n");
    for (unsigned i = 0; i < state->mark_count; i++) {
        write_mark(&state->marks[i], out);
        buffer_append_str(out, i + 1 < state->mark_count ? ",\n" : "\n");
    }
    buffer_append_str(out, "  ]\n}\n");
}

/* ---- reading ---- */

static bool get_kind(const json_t *object, enum mark_kind *out)
{
    const char *name = json_string_value(json_object_get(object, "mark"));

    for (unsigned i = 0; name != NULL && i < MARK_KINDS; i++) {
        if (strcmp(name, mark_names[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool read_mark(const json_t *object, struct root_state *state)
{
    const char *at = json_string_value(json_object_get(object, "at"));
    const json_t *reason = json_object_get(object, "reason");
    struct root_mark mark;

    if (!member_unsigned(object, "release", &mark.number) ||
        !member_hash(object, "content", &mark.content_hash) || !get_kind(object, &mark.kind) ||
        at == NULL || !timestamp_parse(slice_str(at), &mark.at_ms) || !json_is_string(reason)) {
        return false;
    }
    mark.reason = slice_of(json_string_value(reason), json_string_length(reason));
    root_state_add(state, mark);
    return true;
}

static bool read_object(const json_t *root, struct root_state *state)
{
    const char *what = json_string_value(json_object_get(root, "vitrine"));
    const json_t *marks = json_object_get(root, "marks");
    uint64_t version;

    if (what == NULL || strcmp(what, "root") != 0 || !member_unsigned(root, "version", &version) ||
        version != STATE_VERSION || !json_is_array(marks)) {
        return false;
    }
    if (json_object_get(root, "highest") != NULL &&
        !member_unsigned(root, "highest", &state->highest)) {
        return false;
    }
    state->is_pinned = json_object_get(root, "pinned") != NULL;
    if (state->is_pinned && !member_unsigned(root, "pinned", &state->pinned)) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(marks); i++) {
        if (!read_mark(json_array_get(marks, i), state)) {
            return false;
        }
    }
    return true;
}

enum err root_state_parse(const char *path, struct slice text, struct root_state *out,
                          struct errmsg *msg)
{
    json_error_t error;
    json_t *root = NULL;
    bool is_good = text.len == 0;

    *out = (struct root_state){.mark_count = 0};
    arena_init(&out->arena, 4096);
    if (!is_good) {
        root = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
        is_good = root != NULL && read_object(root, out);
        json_decref(root);
    }
    if (!is_good) {
        root_state_free(out);
        return err_set(msg, ERR_CORRUPT,
                       "%s: this is not the state of a root; mend it, or remove it, which forgets "
                       "the pin, every release that was refused or rolled back, and how new what "
                       "was served has been",
                       path);
    }
    return ERR_NONE;
}

enum err root_state_read(const char *root, struct root_state *out, struct errmsg *msg)
{
    char *path = path_join(root, "state.json");
    struct buffer text;
    enum err rc = ERR_NONE;

    buffer_init(&text, ROOT_STATE_SIZE_MAX);
    if (file_exists(path)) {
        rc = file_read(path, &text, msg);
        if (rc == ERR_NONE && text.len == 0) {
            buffer_append_byte(&text, '\n'); /* an empty file is no state */
        }
    }
    if (rc == ERR_NONE) {
        rc = root_state_parse(path, buffer_slice(&text), out, msg);
    }
    buffer_free(&text);
    free(path);
    return rc;
}

void root_state_free(struct root_state *state)
{
    arena_free(&state->arena);
}
