#include "definition/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "definition/definition.h"
#include "definition/wording.h"

enum {
    DEPTH_MAX = 32,
    MEMBERS_MAX = 1024, /* of one mapping; keeps the search for doubles short */
};

/* PENDING holds the children of every collection that is still open, innermost last. */
struct reader {
    yaml_parser_t parser;
    struct yaml *yaml;
    struct slice text;
    struct yaml_node **pending;
    size_t pending_count;
    size_t pending_capacity;
};

static enum err error_at(const struct yaml *yaml, size_t line, size_t column, const char *what)
{
    return err_set(yaml->msg, ERR_DEFINITION, "%s:%zu:%zu: %s", yaml->path, line, column, what);
}

enum err yaml_error(const struct yaml *yaml, const struct yaml_node *at, const char *fmt, ...)
{
    char what[sizeof yaml->msg->text];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return error_at(yaml, at->line, at->column, what);
}

/* The place of a byte that is not text at all: libyaml gives its offset only. */
static enum err encoding_error(const struct yaml *yaml, struct slice text, size_t offset)
{
    size_t line = 1;
    size_t column = 1;

    for (size_t i = 0; i < offset && i < text.len; i++) {
        column++;
        if (text.ptr[i] == '\n') {
            line++;
            column = 1;
        }
    }
    return error_at(yaml, line, column,
                    "this is not text in UTF-8; save the file as UTF-8 without control characters");
}

/* Where libyaml sees that something is wrong is often a line, or the file, behind the mistake. */
static const char *syntax_advice(const char *problem)
{
    if (strstr(problem, "cannot start any token") != NULL) {
        return "indent with blanks instead of tabs; a text that begins with @, ` or % stands in "
               "quotes";
    }
    return "check the indentation, colons, brackets and quotes here and in the line before";
}

static enum err syntax_error(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem == NULL ? "not YAML" : parser->problem;
    char begun[64] = "";
    char what[320];

    if (parser->error == YAML_READER_ERROR) {
        return encoding_error(reader->yaml, reader->text, parser->problem_offset);
    }
    if (parser->context != NULL && parser->context_mark.line != parser->problem_mark.line) {
        snprintf(begun, sizeof begun, " that begins in line %zu", parser->context_mark.line + 1);
    }
    snprintf(what, sizeof what, "%s%s%s%s; %s", problem, parser->context == NULL ? "" : " ",
             parser->context == NULL ? "" : parser->context, begun, syntax_advice(problem));
    return error_at(reader->yaml, parser->problem_mark.line + 1, parser->problem_mark.column + 1,
                    what);
}

static enum err mark_error(struct reader *reader, yaml_mark_t mark, const char *what)
{
    return error_at(reader->yaml, mark.line + 1, mark.column + 1, what);
}

static enum err next_event(struct reader *reader, yaml_event_t *event)
{
    if (!yaml_parser_parse(&reader->parser, event)) {
        return syntax_error(reader);
    }
    return ERR_NONE;
}

static enum err fill_scalar(struct reader *reader, const yaml_event_t *event,
                            struct yaml_node *node)
{
    struct slice text = slice_of((const char *)event->data.scalar.value, event->data.scalar.length);

    if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL) {
        return yaml_error(reader->yaml, node, "a text holds a NUL character; leave \\0 away");
    }
    node->text = arena_copy(reader->yaml->arena, text);
    node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return ERR_NONE;
}

/* A node without its children. */
static enum err open_node(struct reader *reader, const yaml_event_t *event, struct yaml_node **out)
{
    struct yaml_node *node = arena_calloc(reader->yaml->arena, 1, sizeof *node);
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    enum err rc = ERR_NONE;

    node->line = (unsigned)event->start_mark.line + 1;
    node->column = (unsigned)event->start_mark.column + 1;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        node->kind = YAML_SCALAR;
        rc = fill_scalar(reader, event, node);
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        node->kind = YAML_SEQUENCE;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        node->kind = YAML_MAPPING;
    } else {
        return yaml_error(reader->yaml, node, "aliases are not used here; write the value out");
    }
    if (rc == ERR_NONE && anchor != NULL) {
        return yaml_error(reader->yaml, node, "anchors are not used here; leave &%s away", anchor);
    }
    if (rc == ERR_NONE && tag != NULL) {
        return yaml_error(reader->yaml, node, "tags are not used here; leave the one with ! away");
    }
    *out = node;
    return rc;
}

static void push_pending(struct reader *reader, struct yaml_node *node)
{
    if (reader->pending_count == reader->pending_capacity) {
        reader->pending_capacity = reader->pending_capacity * 2 + 64;
        reader->pending =
            memory_realloc(reader->pending, reader->pending_capacity * sizeof *reader->pending);
    }
    reader->pending[reader->pending_count++] = node;
}

static enum err check_member_name(const struct yaml *yaml, const struct yaml_node *mapping,
                                  unsigned at)
{
    const struct yaml_node *name = mapping->names[at];

    if (name->kind != YAML_SCALAR) {
        return yaml_error(yaml, name,
                          "the name of a member is a list or a mapping; write NAME: VALUE");
    }
    for (unsigned i = 0; i < at; i++) {
        if (slice_equal(mapping->names[i]->text, name->text)) {
            return yaml_error(yaml, name, "%s is there twice, first in line %u; keep one of them",
                              wording_quote(name->text).text, mapping->names[i]->line);
        }
    }
    return ERR_NONE;
}

static enum err close_mapping(struct reader *reader, struct yaml_node *node,
                              struct yaml_node *const *children, size_t count)
{
    const struct yaml *yaml = reader->yaml;

    if (count / 2 > MEMBERS_MAX) {
        return yaml_error(yaml, node, "a mapping has %zu members; at most %d may stand in one",
                          count / 2, MEMBERS_MAX);
    }
    node->count = (unsigned)(count / 2);
    node->names = arena_calloc(yaml->arena, node->count, sizeof *node->names);
    node->items = arena_calloc(yaml->arena, node->count, sizeof *node->items);
    for (unsigned i = 0; i < node->count; i++) {
        enum err rc;

        node->names[i] = children[2 * i];
        node->items[i] = children[2 * i + 1];
        rc = check_member_name(yaml, node, i);
        if (rc != ERR_NONE) {
            return rc;
        }
    }
    return ERR_NONE;
}

static enum err close_node(struct reader *reader, struct yaml_node *node, size_t first)
{
    size_t count = reader->pending_count - first;

    reader->pending_count = first;
    if (count == 0) {
        return ERR_NONE;
    }
    if (node->kind == YAML_MAPPING) {
        return close_mapping(reader, node, reader->pending + first, count);
    }
    node->count = (unsigned)count;
    node->items = arena_calloc(reader->yaml->arena, count, sizeof *node->items);
    memcpy(node->items, reader->pending + first, count * sizeof *node->items);
    return ERR_NONE;
}

/* The next node with all below it, or *OUT = NULL at the end of the collection that is open. */
static enum err read_node(struct reader *reader, unsigned depth, struct yaml_node **out)
{
    struct yaml_node *node = NULL;
    size_t first = reader->pending_count;
    yaml_event_t event;
    enum err rc = next_event(reader, &event);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) {
        yaml_event_delete(&event);
        *out = NULL;
        return ERR_NONE;
    }
    rc = open_node(reader, &event, &node);
    yaml_event_delete(&event);
    if (rc != ERR_NONE) {
        return rc;
    }
    if (depth > DEPTH_MAX) {
        return yaml_error(reader->yaml, node, "nesting is deeper than %d; write it flatter",
                          DEPTH_MAX);
    }
    *out = node;
    if (node->kind == YAML_SCALAR) {
        return ERR_NONE;
    }
    for (;;) {
        struct yaml_node *child;

        rc = read_node(reader, depth + 1, &child);
        if (rc != ERR_NONE) {
            return rc;
        }
        if (child == NULL) {
            return close_node(reader, node, first);
        }
        push_pending(reader, child);
    }
}

/* Passes over one event, which must be of TYPE, otherwise says WHAT. */
static enum err skip_event(struct reader *reader, yaml_event_type_t type, const char *what)
{
    yaml_event_t event;
    enum err rc = next_event(reader, &event);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (event.type != type) {
        rc = mark_error(reader, event.start_mark, what);
    }
    yaml_event_delete(&event);
    return rc;
}

static enum err read_document(struct reader *reader)
{
    enum err rc = skip_event(reader, YAML_STREAM_START_EVENT, "not YAML");

    if (rc == ERR_NONE) {
        rc = skip_event(reader, YAML_DOCUMENT_START_EVENT,
                        "the file is empty; write what docs/definition.md explains");
    }
    if (rc == ERR_NONE) {
        rc = read_node(reader, 1, &reader->yaml->root);
    }
    if (rc == ERR_NONE) {
        rc = skip_event(reader, YAML_DOCUMENT_END_EVENT, "not YAML");
    }
    if (rc == ERR_NONE) {
        rc = skip_event(reader, YAML_STREAM_END_EVENT,
                        "a second document begins; keep one in a file");
    }
    return rc;
}

enum err yaml_parse(struct yaml *yaml, struct slice text)
{
    struct reader reader = {.yaml = yaml, .text = text};
    enum err rc;

    if (text.len > DEFINITION_SIZE_MAX) {
        return err_set(yaml->msg, ERR_DEFINITION, "%s:1:1: the file has %zu bytes; at most %d fit",
                       yaml->path, text.len, DEFINITION_SIZE_MAX);
    }
    if (!yaml_parser_initialize(&reader.parser)) {
        return error_at(yaml, 1, 1, "no memory to read it");
    }
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser,
                                 (const unsigned char *)(text.len == 0 ? "" : text.ptr), text.len);
    rc = read_document(&reader);
    free(reader.pending);
    yaml_parser_delete(&reader.parser);
    return rc;
}
