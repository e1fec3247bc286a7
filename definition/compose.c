#include "definition/compose.h"

void compose_begin(struct composer *composer, const struct yaml *yaml)
{
    composer->yaml = yaml;
    composer->count = 0;
    /* No text grows more than six times when it is escaped. */
    buffer_init(&composer->literal, (size_t)DEFINITION_SIZE_MAX * 6 + 64);
}

static enum err add_part(struct composer *composer, const struct yaml_node *at,
                         struct template_part part)
{
    if (composer->count == DEFINITION_PARTS_MAX) {
        return yaml_error(composer->yaml, at,
                          "the template has more than %d parts; write a smaller one",
                          DEFINITION_PARTS_MAX);
    }
    composer->parts[composer->count++] = part;
    return ERR_NONE;
}

/* What was written since the last reference becomes one literal. */
static enum err flush(struct composer *composer, const struct yaml_node *at)
{
    struct template_part part = {.kind = TEMPLATE_LITERAL};

    if (composer->literal.len == 0) {
        return ERR_NONE;
    }
    part.literal = arena_copy(composer->yaml->arena, buffer_slice(&composer->literal));
    buffer_clear(&composer->literal);
    return add_part(composer, at, part);
}

enum err compose_part(struct composer *composer, const struct yaml_node *at,
                      struct template_part part)
{
    enum err rc = flush(composer, at);

    return rc == ERR_NONE ? add_part(composer, at, part) : rc;
}

enum err compose_reference(struct composer *composer, const struct yaml_node *at,
                           enum template_kind kind, unsigned field)
{
    return compose_part(composer, at, (struct template_part){.kind = kind, .field = field});
}

enum err compose_finish(struct composer *composer, const struct yaml_node *at, enum err rc,
                        struct template *out)
{
    if (rc == ERR_NONE) {
        rc = flush(composer, at);
    }
    buffer_free(&composer->literal);
    if (rc == ERR_NONE) {
        out->count = composer->count;
        out->parts = arena_calloc(composer->yaml->arena, composer->count, sizeof *out->parts);
        memcpy(out->parts, composer->parts, composer->count * sizeof *out->parts);
    }
    return rc;
}
