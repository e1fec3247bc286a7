/* get: /authors/:author_id/books, and the same of other methods */
#include "definition/load.h"

#include "definition/wording.h"

/* What RFC 3986 leaves unescaped, so that a path has one spelling. */
static bool is_path_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_.~-", c) != NULL);
}

bool path_text_is_valid(struct slice text)
{
    if (text.len == 0 || text.len > DEFINITION_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (!is_path_byte(text.ptr[i])) {
            return false;
        }
    }
    return true;
}

static enum err load_segment(const struct loader *loader, const struct yaml_node *node,
                             struct slice text, struct route *route)
{
    struct segment *segment = &route->segments[route->segment_count];

    segment->is_parameter = text.len > 0 && text.ptr[0] == ':';
    if (segment->is_parameter) {
        text = slice_of(text.ptr + 1, text.len - 1);
    }
    segment->text = text;
    if (segment->is_parameter && !name_is_valid(text)) {
        return yaml_error(&loader->yaml, node,
                          "a parameter of a path cannot be %s; write : and letters, digits and _, "
                          "like :book_id",
                          wording_quote(text).text);
    }
    if (!segment->is_parameter && !path_text_is_valid(text)) {
        return yaml_error(&loader->yaml, node,
                          "a path cannot have %s between slashes; write 1 to %d letters, digits "
                          "and _ . ~ -, or :NAME, and no slash at the end",
                          wording_quote(text).text, DEFINITION_NAME_MAX);
    }
    for (unsigned i = 0; segment->is_parameter && i < route->segment_count; i++) {
        if (route->segments[i].is_parameter && slice_equal(route->segments[i].text, text)) {
            return yaml_error(&loader->yaml, node,
                              "the path has :%.*s twice; give each parameter its own name",
                              SLICE_ARG(text));
        }
    }
    route->segment_count++;
    return ERR_NONE;
}

enum err load_path(struct loader *loader, const struct yaml_node *node, struct route *route)
{
    struct slice path;
    size_t start = 1;
    enum err rc = yaml_text(&loader->yaml, node, "a path", &path);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (path.len == 0 || path.ptr[0] != '/') {
        return yaml_error(&loader->yaml, node, "a path cannot be %s; begin it with /",
                          wording_quote(path).text);
    }
    route->path = path;
    while (path.len > 1 && start <= path.len) {
        const char *slash = memchr(path.ptr + start, '/', path.len - start);
        size_t end = slash == NULL ? path.len : (size_t)(slash - path.ptr);

        if (route->segment_count == DEFINITION_SEGMENTS_MAX) {
            return yaml_error(&loader->yaml, node,
                              "the path has more than %d segments; write a shorter one",
                              DEFINITION_SEGMENTS_MAX);
        }
        rc = load_segment(loader, node, slice_of(path.ptr + start, end - start), route);
        if (rc != ERR_NONE) {
            return rc;
        }
        start = end + 1;
    }
    return ERR_NONE;
}

bool path_is_same_shape(const struct route *a, const struct route *b)
{
    if (a->segment_count != b->segment_count) {
        return false;
    }
    for (unsigned i = 0; i < a->segment_count; i++) {
        const struct segment *x = &a->segments[i];
        const struct segment *y = &b->segments[i];

        if (x->is_parameter != y->is_parameter ||
            (!x->is_parameter && !slice_equal(x->text, y->text))) {
            return false;
        }
    }
    return true;
}
