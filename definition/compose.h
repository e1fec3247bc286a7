/*
 * Private to this folder: writes a template piece by piece; literals that follow each other become
 * one.
 *
 * Lifetime: compose_finish ends a composer in any case; the template lives in the arena of the
 * definition.
 */
#ifndef VITRINE_DEFINITION_COMPOSE_H
#define VITRINE_DEFINITION_COMPOSE_H

#include "base/buffer.h"
#include "definition/definition.h"
#include "definition/yaml.h"

struct composer {
    const struct yaml *yaml;
    struct buffer literal; /* JSON since the last reference; the caller appends to it */
    struct template_part parts[DEFINITION_PARTS_MAX];
    unsigned count;
};

void compose_begin(struct composer *composer, const struct yaml *yaml);

/* Adds a reference. AT is the place for complaints; NULL for a template that is never too large. */
MUST_CHECK enum err compose_reference(struct composer *composer, const struct yaml_node *at,
                                      enum template_kind kind, unsigned field);

MUST_CHECK enum err compose_part(struct composer *composer, const struct yaml_node *at,
                                 struct template_part part);

/* Ends the composer. When RC is an error, that is all; otherwise writes *OUT. */
MUST_CHECK enum err compose_finish(struct composer *composer, const struct yaml_node *at,
                                   enum err rc, struct template *out);

#endif
