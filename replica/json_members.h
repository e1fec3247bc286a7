/*
 * Members of the JSON objects that this folder keeps: manifest.json and state.json.
 *
 * Thread-safety: no state.
 */
#ifndef VITRINE_REPLICA_JSON_MEMBERS_H
#define VITRINE_REPLICA_JSON_MEMBERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The integer NAME of OBJECT; false when it is missing, negative, or none. */
bool member_unsigned(const json_t *object, const char *name, uint64_t *out);

/* The hash NAME of OBJECT, a text that parse_hex reads; false when it is missing, or none. */
bool member_hash(const json_t *object, const char *name, uint64_t *out);

#endif
