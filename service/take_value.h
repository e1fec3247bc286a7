/*
 * One value by a rule: out of a text (path, query, cookie, the name of a member), or out of JSON.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_TAKE_VALUE_H
#define VITRINE_SERVICE_TAKE_VALUE_H

#include <stdbool.h>

#include <jansson.h>

#include "base/arena.h"
#include "definition/action.h"

/* False when TEXT is not what RULE asks for. A text stays where it is. */
bool value_from_text(const struct take_rule *rule, struct slice text, struct value *out);

/* False when JSON is not what RULE asks for. A text is copied to ARENA. */
bool value_from_json(const struct take_rule *rule, const json_t *json, struct arena *arena,
                     struct value *out);

/* The same for the name of a member; 1 has one form as a name, "1", so that no name comes twice. */
bool value_from_name(const struct take_rule *rule, struct slice name, struct arena *arena,
                     struct value *out);

#endif
