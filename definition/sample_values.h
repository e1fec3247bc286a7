/*
 * The values behind a kind of sample and beside it: each function reads one node into the sample.
 * Private to the definition folder; sample.c says which name leads to which.
 */
#ifndef VITRINE_DEFINITION_SAMPLE_VALUES_H
#define VITRINE_DEFINITION_SAMPLE_VALUES_H

#include "definition/sample.h"

typedef enum err (*sample_parser)(const struct yaml *yaml, const struct yaml_node *node,
                                  struct sample *sample);

/* The values of a kind. */
MUST_CHECK enum err sample_parse_pick(const struct yaml *yaml, const struct yaml_node *node,
                                      struct sample *sample);
MUST_CHECK enum err sample_parse_range(const struct yaml *yaml, const struct yaml_node *node,
                                       struct sample *sample);
MUST_CHECK enum err sample_parse_skewed(const struct yaml *yaml, const struct yaml_node *node,
                                        struct sample *sample);
MUST_CHECK enum err sample_parse_words(const struct yaml *yaml, const struct yaml_node *node,
                                       struct sample *sample);
MUST_CHECK enum err sample_parse_text(const struct yaml *yaml, const struct yaml_node *node,
                                      struct sample *sample);
MUST_CHECK enum err sample_parse_list(const struct yaml *yaml, const struct yaml_node *node,
                                      struct sample *sample);
MUST_CHECK enum err sample_parse_url(const struct yaml *yaml, const struct yaml_node *node,
                                     struct sample *sample);
MUST_CHECK enum err sample_parse_timestamp(const struct yaml *yaml, const struct yaml_node *node,
                                           struct sample *sample);
MUST_CHECK enum err sample_parse_share(const struct yaml *yaml, const struct yaml_node *node,
                                       struct sample *sample);

/* Members beside the kind, read after it. */
MUST_CHECK enum err sample_parse_weights(const struct yaml *yaml, const struct yaml_node *node,
                                         struct sample *sample);
MUST_CHECK enum err sample_parse_text_mean(const struct yaml *yaml, const struct yaml_node *node,
                                           struct sample *sample);
MUST_CHECK enum err sample_parse_end(const struct yaml *yaml, const struct yaml_node *node,
                                     struct sample *sample);
MUST_CHECK enum err sample_parse_zero(const struct yaml *yaml, const struct yaml_node *node,
                                      struct sample *sample);
MUST_CHECK enum err sample_parse_pool(const struct yaml *yaml, const struct yaml_node *node,
                                      struct sample *sample);
MUST_CHECK enum err sample_parse_null(const struct yaml *yaml, const struct yaml_node *node,
                                      struct sample *sample);

#endif
