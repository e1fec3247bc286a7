/* row: and answer: of a route, flattened to literals and references. */
#include "definition/load_action.h"

#include <ctype.h>
#include <stdio.h>

#include "base/json.h"
#include "definition/compose.h"
#include "definition/wording.h"

/* Where a template stands decides which references it may have. */
enum place {
    IN_ROW = 1,
    IN_DOCUMENT = 2,
    IN_ROWS = 4,
    IN_LISTING = 8,
    IN_ACTION = 16,
    IN_PARTS = 32
};

static const struct reference {
    const char *name;
    enum template_kind kind;
    unsigned places;
} references[] = {
    {"$row", TEMPLATE_ROW, IN_DOCUMENT},
    {"$row.NAME", TEMPLATE_FIELD, IN_ROW | IN_DOCUMENT},
    {"$rows", TEMPLATE_ROWS, IN_ROWS | IN_LISTING},
    {"$key", TEMPLATE_KEY, IN_DOCUMENT | IN_ROWS},
    {"$key.text", TEMPLATE_KEY_TEXT, IN_DOCUMENT | IN_ROWS},
    {"$page.number", TEMPLATE_PAGE_NUMBER, IN_ROWS | IN_LISTING},
    {"$page.index", TEMPLATE_PAGE_INDEX, IN_ROWS | IN_LISTING},
    {"$count", TEMPLATE_COUNT, IN_ROWS | IN_LISTING},
    {"$total", TEMPLATE_TOTAL, IN_ROWS | IN_LISTING},
};

enum { REFERENCE_COUNT = sizeof references / sizeof references[0] };

/* A template being written. */
struct writer {
    struct composer composer;
    const struct loader *loader;
    struct field_list fields;
    enum place place;
    struct action_loading *action; /* IN_ACTION */
    const struct route *route;     /* IN_PARTS */
    unsigned part;                 /* IN_PARTS: whose `fields` they are */
    uint32_t used;                 /* IN_PARTS: bit i for part i */
};

static void begin(struct writer *writer, const struct loader *loader, const struct route *route,
                  enum place place)
{
    compose_begin(&writer->composer, &loader->yaml);
    writer->loader = loader;
    writer->part = 0;
    writer->fields = (struct field_list){.fields = route->collection->fields,
                                         .count = route->collection->field_count};
    writer->place = place;
}

static enum err add_field(struct writer *writer, const struct yaml_node *at, struct slice name)
{
    const struct loader *loader = writer->loader;
    int index = field_find(&writer->fields, name);

    if (index < 0) {
        return load_unknown_field(loader, at, name, &writer->fields);
    }
    if (writer->fields.fields[index].is_hidden) {
        return yaml_error(&loader->yaml, at,
                          "%s is hidden and not stored; leave `hidden` away there, or the field "
                          "away here",
                          wording_quote(name).text);
    }
    return compose_part(&writer->composer, at,
                        (struct template_part){.kind = TEMPLATE_FIELD,
                                               .field = (unsigned)index,
                                               .part = writer->part});
}

static enum err refuse_reference(const struct writer *writer, const struct yaml_node *at)
{
    char names[160];
    size_t len = 0;

    names[0] = '\0';
    for (unsigned i = 0; i < REFERENCE_COUNT; i++) {
        if ((references[i].places & writer->place) != 0) {
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len == 0 ? "" : ", ",
                                    references[i].name);
        }
    }
    return yaml_error(&writer->loader->yaml, at,
                      "%s cannot stand here; write %s%s, or $$ to begin a text with a dollar",
                      wording_quote(at->text).text, writer->place == IN_ROW ? "" : "one of ",
                      names);
}

static enum err refuse_value(const struct writer *writer, const struct yaml_node *node)
{
    const struct action *action = writer->action->action;
    struct slice names[ACTION_NAMES_MAX];
    unsigned count = action_names(action, names) - 1; /* the last one is "now" */

    if (action->rows >= 0) {
        names[count++] = slice_str("rows");
    }
    if (count == 0) {
        return yaml_error(&writer->loader->yaml, node,
                          "%s is no value of this route, which has none; write $$ to begin a text "
                          "with a dollar",
                          wording_quote(node->text).text);
    }
    return load_unknown(writer->loader, node, slice_of(node->text.ptr + 1, node->text.len - 1),
                        names, count,
                        "%s is no value of this route, and $$ begins a text with a "
                        "dollar",
                        wording_quote(node->text).text);
}

/* $NAME of an action: a value of the request, or one that a statement returned. */
static enum err add_value(struct writer *writer, const struct yaml_node *node)
{
    const struct action *action = writer->action->action;
    struct slice name = slice_of(node->text.ptr + 1, node->text.len - 1);
    struct template_part part = {.kind = TEMPLATE_RETURNED};

    if (slice_is(name, "rows") && action->rows >= 0) {
        return compose_reference(&writer->composer, node, TEMPLATE_ROWS, 0);
    }
    if (slice_is(name, "rows")) {
        return yaml_error(&writer->loader->yaml, node,
                          "no statement has `rows`; write rows: {NAME: TYPE} beside its `sql`");
    }
    if (action_find_returned(action, name, &part.statement, &part.field)) {
        return compose_part(&writer->composer, node, part);
    }
    if (!action_find_take(action, name, &part.field)) {
        return refuse_value(writer, node);
    }
    if (action->takes[part.field].shape != TAKE_ONE || action->takes[part.field].is_session) {
        return yaml_error(&writer->loader->yaml, node,
                          "%.*s is %s; only single values can be answered", SLICE_ARG(name),
                          action->takes[part.field].is_session ? "a secret of the client's cookie"
                                                               : "a list or map");
    }
    writer->action->is_used[part.field] = true;
    part.kind = TEMPLATE_TAKE;
    return compose_part(&writer->composer, node, part);
}

static enum err refuse_part(const struct writer *writer, const struct yaml_node *node,
                            struct slice name)
{
    struct slice names[DEFINITION_ROUTE_PARTS_MAX + 1];
    unsigned count = writer->route->part_count;

    for (unsigned i = 0; i < count; i++) {
        names[i] = writer->route->parts[i].name;
    }
    names[count] = slice_str("key");
    return load_unknown(writer->loader, node, name, names, count + 1,
                        "%s is no part of this route, and $$ begins a text with a dollar",
                        wording_quote(node->text).text);
}

/* $NAME.REST where NAME is a part of rows. */
static enum err add_of_rows(struct writer *writer, const struct yaml_node *node, struct slice name,
                            struct slice rest)
{
    static const struct {
        const char *name;
        enum template_kind kind;
    } kinds[] = {
        {"total", TEMPLATE_TOTAL},
        {"count", TEMPLATE_COUNT},
        {"page.number", TEMPLATE_PAGE_NUMBER},
        {"page.index", TEMPLATE_PAGE_INDEX},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (slice_is(rest, kinds[i].name)) {
            return compose_part(
                &writer->composer, node,
                (struct template_part){.kind = kinds[i].kind, .part = writer->part});
        }
    }
    return yaml_error(&writer->loader->yaml, node,
                      "the part %.*s is rows, not one document; write one of $%.*s, $%.*s.total, "
                      "$%.*s.count, $%.*s.page.number, $%.*s.page.index",
                      SLICE_ARG(name), SLICE_ARG(name), SLICE_ARG(name), SLICE_ARG(name),
                      SLICE_ARG(name), SLICE_ARG(name));
}

/* $NAME or $NAME.REST, NAME being a part; $key and $key.text. */
static enum err add_of_part(struct writer *writer, const struct yaml_node *node)
{
    struct slice name = slice_of(node->text.ptr + 1, node->text.len - 1);
    const char *dot = memchr(name.ptr, '.', name.len);
    struct slice rest = slice_of("", 0);
    const struct route_part *part = writer->route->parts;
    const struct route_part *end = part + writer->route->part_count;

    if (slice_is(name, "key") || slice_is(name, "key.text")) {
        return compose_reference(&writer->composer, node,
                                 dot == NULL ? TEMPLATE_KEY : TEMPLATE_KEY_TEXT, 0);
    }
    if (dot != NULL) {
        rest = slice_of(dot + 1, name.len - (size_t)(dot - name.ptr) - 1);
        name.len = (size_t)(dot - name.ptr);
    }
    while (part < end && !slice_equal(part->name, name)) {
        part++;
    }
    if (part == end) {
        return refuse_part(writer, node, name);
    }
    writer->part = (unsigned)(part - writer->route->parts);
    writer->used |= UINT32_C(1) << writer->part;
    writer->fields = (struct field_list){.fields = part->route.collection->fields,
                                         .count = part->route.collection->field_count};
    if (dot == NULL) {
        bool is_document = collection_is_document(part->route.collection);

        return compose_part(
            &writer->composer, node,
            (struct template_part){.kind = is_document ? TEMPLATE_ROW : TEMPLATE_ROWS,
                                   .part = writer->part});
    }
    return collection_is_document(part->route.collection) ? add_field(writer, node, rest)
                                                          : add_of_rows(writer, node, name, rest);
}

static enum err add_named(struct writer *writer, const struct yaml_node *node)
{
    static const char row_prefix[] = "$row.";
    const size_t prefix_len = sizeof row_prefix - 1;
    struct slice text = node->text;

    if (writer->place == IN_ACTION) {
        return add_value(writer, node);
    }
    if (writer->place == IN_PARTS) {
        return add_of_part(writer, node);
    }
    if (text.len > prefix_len && memcmp(text.ptr, row_prefix, prefix_len) == 0 &&
        (writer->place & (IN_ROW | IN_DOCUMENT)) != 0) {
        return add_field(writer, node, slice_of(text.ptr + prefix_len, text.len - prefix_len));
    }
    for (unsigned i = 0; i < REFERENCE_COUNT; i++) {
        if (references[i].kind != TEMPLATE_FIELD && slice_is(text, references[i].name) &&
            (references[i].places & writer->place) != 0) {
            return compose_reference(&writer->composer, node, references[i].kind, 0);
        }
    }
    return refuse_reference(writer, node);
}

static size_t digits_at(struct slice text, size_t at)
{
    size_t count = 0;

    while (at + count < text.len && isdigit((unsigned char)text.ptr[at + count])) {
        count++;
    }
    return count;
}

/* RFC 8259: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)? */
static bool is_json_number(struct slice text)
{
    size_t at = text.len > 0 && text.ptr[0] == '-';
    size_t digits = digits_at(text, at);

    if (digits == 0 || (digits > 1 && text.ptr[at] == '0')) {
        return false;
    }
    at += digits;
    if (at < text.len && text.ptr[at] == '.') {
        digits = digits_at(text, at + 1);
        if (digits == 0) {
            return false;
        }
        at += 1 + digits;
    }
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        at++;
        at += at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+');
        digits = digits_at(text, at);
        at += digits;
        return digits > 0 && at == text.len;
    }
    return at == text.len;
}

bool is_json_literal(const struct yaml_node *node)
{
    return node->is_plain && (slice_is(node->text, "true") || slice_is(node->text, "false") ||
                              slice_is(node->text, "null") || is_json_number(node->text));
}

static enum err add_scalar(struct writer *writer, const struct yaml_node *node)
{
    struct slice text = node->text;

    if (text.len == 0 && node->is_plain) {
        return yaml_error(&writer->loader->yaml, node,
                          "a value is missing; write null, or \"\" for an empty text");
    }
    if (is_json_literal(node)) {
        buffer_append_slice(&writer->composer.literal, text);
        return ERR_NONE;
    }
    if (text.len > 1 && text.ptr[0] == '$' && text.ptr[1] == '$') {
        text = slice_of(text.ptr + 1, text.len - 1);
    } else if (text.len > 0 && text.ptr[0] == '$') {
        return add_named(writer, node);
    }
    json_write_string(&writer->composer.literal, text);
    return ERR_NONE;
}

static enum err add_node(struct writer *writer, const struct yaml_node *node)
{
    bool is_mapping = node->kind == YAML_MAPPING;
    enum err rc = ERR_NONE;

    if (node->kind == YAML_SCALAR) {
        return add_scalar(writer, node);
    }
    buffer_append_byte(&writer->composer.literal, is_mapping ? '{' : '[');
    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        buffer_append_str(&writer->composer.literal, i == 0 ? "" : ",");
        if (is_mapping) {
            json_write_string(&writer->composer.literal, node->names[i]->text);
            buffer_append_byte(&writer->composer.literal, ':');
        }
        rc = add_node(writer, node->items[i]);
    }
    buffer_append_byte(&writer->composer.literal, is_mapping ? '}' : ']');
    return rc;
}

/* One member of an object of fields. */
static enum err add_member(struct writer *writer, const struct yaml_node *at, struct slice name,
                           bool is_first)
{
    buffer_append_byte(&writer->composer.literal, is_first ? '{' : ',');
    json_write_string(&writer->composer.literal, name);
    buffer_append_byte(&writer->composer.literal, ':');
    return add_field(writer, at, name);
}

/* row: [NAME, NAME]: an object of these fields in this order. */
static enum err add_names(struct writer *writer, const struct yaml_node *node)
{
    enum err rc = load_list(writer->loader, node, "`row`", DEFINITION_FIELDS_MAX);

    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        struct slice name;

        rc = yaml_text(&writer->loader->yaml, node->items[i], "a field of `row`", &name);
        for (unsigned j = 0; rc == ERR_NONE && j < i; j++) {
            if (slice_equal(node->items[j]->text, name)) {
                rc = yaml_error(&writer->loader->yaml, node->items[i],
                                "%s is in `row` twice; keep one of them", wording_quote(name).text);
            }
        }
        if (rc == ERR_NONE) {
            rc = add_member(writer, node->items[i], name, i == 0);
        }
    }
    buffer_append_byte(&writer->composer.literal, '}');
    return rc;
}

/* Without `row`: an object of all fields that are not hidden. */
static enum err add_all(struct writer *writer)
{
    bool is_first = true;
    enum err rc = ERR_NONE;

    for (unsigned i = 0; rc == ERR_NONE && i < writer->fields.count; i++) {
        if (!writer->fields.fields[i].is_hidden) {
            rc = add_member(writer, NULL, writer->fields.fields[i].name, is_first);
            is_first = false;
        }
    }
    buffer_append_byte(&writer->composer.literal, '}');
    return rc;
}

enum err load_row(const struct loader *loader, struct route *route, const struct yaml_node *node)
{
    struct writer writer;
    enum err rc;

    begin(&writer, loader, route, IN_ROW);
    if (node == NULL) {
        rc = add_all(&writer);
    } else if (node->kind == YAML_SEQUENCE) {
        rc = add_names(&writer, node);
    } else {
        rc = add_node(&writer, node);
    }
    return compose_finish(&writer.composer, node, rc, &route->row);
}

static enum err load_answer(const struct loader *loader, struct route *route,
                            const struct yaml_node *node)
{
    bool is_listing = route->listing >= 0;
    bool is_document = !is_listing && collection_is_document(route->collection);
    struct writer writer;
    enum err rc;

    begin(&writer, loader, route, is_listing ? IN_LISTING : (is_document ? IN_DOCUMENT : IN_ROWS));
    if (node == NULL) {
        rc = compose_reference(&writer.composer, node, is_document ? TEMPLATE_ROW : TEMPLATE_ROWS,
                               0);
    } else {
        rc = add_node(&writer, node);
    }
    return compose_finish(&writer.composer, node, rc, &route->answer);
}

enum err load_templates(struct loader *loader, struct route *route, const struct yaml_node *row,
                        const struct yaml_node *answer)
{
    enum err rc = load_row(loader, route, row);

    if (rc == ERR_NONE) {
        rc = load_answer(loader, route, answer);
    }
    return rc;
}

/* Without `answer`: an object of all parts. */
static enum err add_parts(struct writer *writer)
{
    enum err rc = ERR_NONE;

    for (unsigned i = 0; rc == ERR_NONE && i < writer->route->part_count; i++) {
        const struct route_part *part = &writer->route->parts[i];
        bool is_document = collection_is_document(part->route.collection);

        buffer_append_byte(&writer->composer.literal, i == 0 ? '{' : ',');
        json_write_string(&writer->composer.literal, part->name);
        buffer_append_byte(&writer->composer.literal, ':');
        rc = compose_part(
            &writer->composer, NULL,
            (struct template_part){.kind = is_document ? TEMPLATE_ROW : TEMPLATE_ROWS, .part = i});
        writer->used |= UINT32_C(1) << i;
    }
    buffer_append_byte(&writer->composer.literal, '}');
    return rc;
}

enum err load_parts_answer(const struct loader *loader, struct route *route,
                           const struct yaml_node *node, uint32_t *used)
{
    struct writer writer = {.loader = loader, .place = IN_PARTS, .route = route};
    enum err rc;

    compose_begin(&writer.composer, &loader->yaml);
    rc = node == NULL ? add_parts(&writer) : add_node(&writer, node);
    *used = writer.used;
    return compose_finish(&writer.composer, node, rc, &route->answer);
}

enum err load_action_answer(struct action_loading *loading, const struct yaml_node *node)
{
    struct writer writer = {.loader = loading->loader, .place = IN_ACTION, .action = loading};
    enum err rc;

    compose_begin(&writer.composer, &loading->loader->yaml);
    rc = add_node(&writer, node);
    return compose_finish(&writer.composer, node, rc, &loading->action->answer);
}
