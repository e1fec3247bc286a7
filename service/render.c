#include "service/render.h"

#include <assert.h>

#include "base/json.h"
#include "base/number.h"

/* A template on its way to a program. */
struct compiler {
    struct program *program;
    const struct collection *collection;
    struct arena *arena;
    struct buffer literal; /* since the last value */
};

/*
 * Literals are short, and copied LITERAL_STEP bytes at a time, without a call: they are padded to
 * that, and what is copied too much is overwritten by what follows.
 */
enum { LITERAL_STEP = 16 };

_Static_assert((int)LITERAL_STEP <= (int)SCALAR_JSON_MAX,
               "what is reserved for a value has room for a step");

static struct slice pad_literal(struct arena *arena, struct slice text)
{
    size_t size = (text.len + LITERAL_STEP - 1) / LITERAL_STEP * LITERAL_STEP;
    char *copy = arena_calloc(arena, 1, size);

    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    return slice_of(copy, text.len);
}

static struct step *add_step(struct compiler *compiler, enum step_kind kind)
{
    struct step *step = &compiler->program->steps[compiler->program->count++];

    *step = (struct step){.kind = kind};
    step->literal = pad_literal(compiler->arena, buffer_slice(&compiler->literal));
    buffer_clear(&compiler->literal);
    return step;
}

static const char *absent_text(const struct field *field)
{
    if (field->nested == NULL) {
        return "null";
    }
    return field->nested->shape == NESTED_LIST ? "[]" : "{}";
}

static void compile_field(struct compiler *compiler, const struct field *field)
{
    enum step_kind kind = STEP_SCALAR;
    struct step *step;

    assert(field->vector >= 0 && field->vector < DEFINITION_FIELDS_MAX);
    if (field->nested != NULL) {
        kind = STEP_JSON;
    } else if (scalar_is_text(&field->scalar)) {
        kind = STEP_TEXT;
        buffer_append_byte(&compiler->literal, '"');
    }
    step = add_step(compiler, kind);
    step->vector = (unsigned)field->vector;
    step->scalar = field->scalar;
    step->absent = slice_str(absent_text(field));
    compiler->program->vectors |= UINT64_C(1) << field->vector;
}

static void compile_part(struct compiler *compiler, const struct template_part *part)
{
    static const enum step_kind kinds[] = {
        [TEMPLATE_KEY] = STEP_KEY,
        [TEMPLATE_KEY_TEXT] = STEP_KEY_TEXT,
        [TEMPLATE_PAGE_NUMBER] = STEP_PAGE_NUMBER,
        [TEMPLATE_PAGE_INDEX] = STEP_PAGE_INDEX,
        [TEMPLATE_COUNT] = STEP_COUNT,
        [TEMPLATE_TOTAL] = STEP_TOTAL,
    };

    switch (part->kind) {
    case TEMPLATE_LITERAL:
        buffer_append_slice(&compiler->literal, part->literal);
        break;
    case TEMPLATE_FIELD:
        compile_field(compiler, &compiler->collection->fields[part->field]);
        break;
    case TEMPLATE_ROWS:
        buffer_append_byte(&compiler->literal, '[');
        add_step(compiler, STEP_ROWS);
        buffer_append_byte(&compiler->literal, ']');
        break;
    case TEMPLATE_ROW:
        assert(!"a row template holds no $row");
        break;
    default:
        add_step(compiler, kinds[part->kind]);
        break;
    }
}

void program_compile(struct program *program, const struct template *template,
                     const struct template *row, const struct collection *collection,
                     struct arena *arena)
{
    struct compiler compiler = {.program = program, .collection = collection, .arena = arena};
    size_t most = 1;

    for (unsigned i = 0; i < template->count; i++) {
        most += row != NULL && template->parts[i].kind == TEMPLATE_ROW ? row->count : 1;
    }
    *program = (struct program){.steps = arena_calloc(arena, most, sizeof *program->steps)};
    buffer_init(&compiler.literal, SIZE_MAX);
    for (unsigned i = 0; i < template->count; i++) {
        const struct template_part *part = &template->parts[i];

        if (row == NULL || part->kind != TEMPLATE_ROW) {
            compile_part(&compiler, part);
            continue;
        }
        for (unsigned k = 0; k < row->count; k++) {
            compile_part(&compiler, &row->parts[k]);
        }
    }
    add_step(&compiler, STEP_END);
    buffer_free(&compiler.literal);
}

static void append_slice(char **p, struct slice text)
{
    memcpy(*p, text.ptr, text.len);
    *p += text.len;
}

static void append_literal(char **p, struct slice literal)
{
    for (size_t at = 0; at < literal.len; at += LITERAL_STEP) {
        memcpy(*p + at, literal.ptr + at, LITERAL_STEP);
    }
    *p += literal.len;
}

/*
 * A field with the literal before it. An absent text takes back the opening quote, which its
 * literal ends with.
 */
static enum err run_field(const struct step *step, const struct view *view, struct buffer *out,
                          struct errmsg *msg)
{
    const struct vector *vector = view->chunk == NULL ? NULL : &view->chunk->vectors[step->vector];
    struct slice text = slice_of("", 0);
    enum vector_result result = VECTOR_NULL;
    int64_t held = 0;
    char *p;

    if (vector != NULL && step->kind == STEP_SCALAR) {
        result = vector_integer(vector, view->row, &held) ? VECTOR_VALUE : VECTOR_NULL;
    } else if (vector != NULL) {
        result = vector_text(vector, view->row, &text);
    }
    if (result == VECTOR_DAMAGED) {
        return err_set(msg, ERR_CORRUPT,
                       "row %u: the text of stored field %u lies outside its bytes", view->row,
                       step->vector);
    }
    p = buffer_reserve(out, step->literal.len + text.len + SCALAR_JSON_MAX);
    if (p == NULL) {
        return ERR_NONE; /* noticed once, at the end */
    }
    append_literal(&p, step->literal);
    if (result == VECTOR_NULL) {
        p -= step->kind == STEP_TEXT;
        append_slice(&p, step->absent);
    } else if (step->kind == STEP_SCALAR) {
        p += scalar_write(p, &step->scalar, held);
    } else {
        append_slice(&p, text);
        if (step->kind == STEP_TEXT) {
            *p++ = '"';
        }
    }
    out->len = (size_t)(p - out->ptr);
    return ERR_NONE;
}

static void append_number(struct buffer *out, uint64_t value)
{
    char *p = buffer_reserve(out, INTEGER_TEXT_MAX);

    if (p != NULL) {
        out->len += write_integer(p, (int64_t)value);
    }
}

/* A value that is not a field. */
static enum err run_value(enum step_kind kind, const struct view *view, struct buffer *out,
                          struct errmsg *msg)
{
    const struct ask *ask = view->ask;

    switch (kind) {
    case STEP_KEY:
        if (ask->key.is_text) {
            json_write_string(out, ask->key.text);
        } else {
            append_number(out, (uint64_t)ask->key.integer);
        }
        return ERR_NONE;
    case STEP_KEY_TEXT:
        json_write_string(out, ask->key_text);
        return ERR_NONE;
    case STEP_PAGE_NUMBER:
        append_number(out, ask->page);
        return ERR_NONE;
    case STEP_PAGE_INDEX:
        append_number(out, ask->page - 1);
        return ERR_NONE;
    case STEP_COUNT:
        append_number(out, ask->count);
        return ERR_NONE;
    case STEP_TOTAL:
        append_number(out, view->total);
        return ERR_NONE;
    case STEP_ROWS:
        return view->append_rows(view->context, out, msg);
    default:
        return ERR_NONE;
    }
}

enum err program_run(const struct program *program, const struct view *view, struct buffer *out,
                     struct errmsg *msg)
{
    for (const struct step *step = program->steps; step < program->steps + program->count; step++) {
        enum err rc;

        if (step->kind == STEP_TEXT || step->kind == STEP_SCALAR || step->kind == STEP_JSON) {
            rc = run_field(step, view, out, msg);
        } else {
            buffer_append_slice(out, step->literal);
            rc = run_value(step->kind, view, out, msg);
        }
        if (rc != ERR_NONE) {
            return rc;
        }
    }
    if (out->overflowed) {
        return err_set(msg, ERR_LIMIT, "the answer is larger than %zu bytes", out->max);
    }
    return ERR_NONE;
}
