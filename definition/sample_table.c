/* The `sample:` of a table: how many rows it has. */
#include <math.h>

#include "definition/sample.h"

enum { SKEWED_MOST = 600 };
#define SKEWED_NONE 0.17

static enum err parse_shape(const struct yaml *yaml, const struct yaml_node *node,
                            struct table_sample *sample)
{
    struct slice text;
    enum err rc = yaml_text(yaml, node, "shape", &text);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (slice_is(text, "even")) {
        sample->shape = SHAPE_EVEN;
    } else if (slice_is(text, "skewed")) {
        sample->shape = SHAPE_SKEWED;
    } else {
        rc = yaml_error(yaml, node, "shape is even or skewed");
    }
    return rc;
}

static enum err parse_rows(const struct yaml *yaml, const struct yaml_node *node, const char *name,
                           uint32_t *out)
{
    int64_t count;
    enum err rc = yaml_integer(yaml, node, name, 1, SAMPLE_ROWS_MAX, &count);

    if (rc == ERR_NONE) {
        *out = (uint32_t)count;
    }
    return rc;
}

/* Fills in what is not said, so that the generator finds every limit. */
static void set_defaults(struct table_sample *sample)
{
    bool is_skewed = sample->shape == SHAPE_SKEWED;

    if (sample->most == 0) {
        sample->most = is_skewed ? SKEWED_MOST : (uint32_t)fmin(sample->mean * 4 + 8, 100000);
    }
    if (sample->none < 0 && is_skewed) {
        sample->none = SKEWED_NONE;
    }
}

/* A mean that no spread over least..most can have is refused here, with what is possible. */
static enum err check_mean(const struct yaml *yaml, const struct yaml_node *at,
                           const struct table_sample *sample)
{
    double some = sample->none < 0 ? 1 : 1 - sample->none;
    double least = sample->least;
    double most = sample->most * some;

    if (sample->none >= 0 && sample->least == 0) {
        least = 1;
    }
    least *= some;
    if (sample->mean <= least || sample->mean >= most) {
        return yaml_error(yaml, at, "a mean of %g rows cannot be: it must lie between %g and %g",
                          sample->mean, least, most);
    }
    return ERR_NONE;
}

static enum err parse_spread(const struct yaml *yaml, const struct yaml_node *node,
                             struct table_sample *sample)
{
    const struct yaml_node *mean = yaml_get(node, "mean");
    const struct yaml_node *shape = yaml_get(node, "shape");
    const struct yaml_node *none = yaml_get(node, "none");
    const struct yaml_node *least = yaml_get(node, "least");
    const struct yaml_node *most = yaml_get(node, "most");
    enum err rc;

    sample->none = -1;
    if (mean == NULL) {
        return yaml_error(yaml, node, "mean is missing: how many rows a parent has, mean: 3.5");
    }
    rc = yaml_number(yaml, mean, "mean", 0, SAMPLE_ROWS_MAX, &sample->mean);
    if (rc == ERR_NONE && shape != NULL) {
        rc = parse_shape(yaml, shape, sample);
    }
    if (rc == ERR_NONE && none != NULL) {
        rc = yaml_number(yaml, none, "none", 0, 0.999, &sample->none);
    }
    if (rc == ERR_NONE && least != NULL) {
        rc = parse_rows(yaml, least, "least", &sample->least);
    }
    if (rc == ERR_NONE && most != NULL) {
        rc = parse_rows(yaml, most, "most", &sample->most);
    }
    if (rc == ERR_NONE) {
        set_defaults(sample);
        rc = check_mean(yaml, mean, sample);
    }
    return rc;
}

static enum err parse_child(const struct yaml *yaml, const struct yaml_node *node,
                            struct table_sample *sample)
{
    static const char *const spread[] = {"mean", "shape", "none", "least", "most"};
    const struct yaml_node *with = yaml_get(node, "with");
    enum err rc = yaml_text(yaml, yaml_get(node, "each"), "each", &sample->each);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (with == NULL) {
        return parse_spread(yaml, node, sample);
    }
    for (size_t i = 0; i < sizeof spread / sizeof spread[0]; i++) {
        const struct yaml_node *member = yaml_get(node, spread[i]);

        if (member != NULL) {
            return yaml_error(yaml, member, "%s does not go with `with`: there is one row a pair",
                              spread[i]);
        }
    }
    return yaml_text(yaml, with, "with", &sample->with);
}

static enum err parse_root(const struct yaml *yaml, const struct yaml_node *node,
                           struct table_sample *sample)
{
    enum err rc = yaml_boolean(yaml, yaml_get(node, "root"), "root", &sample->is_root);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (!sample->is_root || node->count != 1) {
        return yaml_error(yaml, node, "the root table is {root: true} and nothing else");
    }
    return ERR_NONE;
}

enum err sample_parse_table(const struct yaml *yaml, const struct yaml_node *node,
                            struct table_sample **out)
{
    static const char *const allowed[] = {"root", "each",  "with", "mean", "shape",
                                          "none", "least", "most", NULL};
    struct table_sample *sample = arena_calloc(yaml->arena, 1, sizeof *sample);
    enum err rc = yaml_expect_members(yaml, node, "a sample", allowed);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (yaml_get(node, "root") != NULL) {
        rc = parse_root(yaml, node, sample);
    } else if (yaml_get(node, "each") != NULL) {
        rc = parse_child(yaml, node, sample);
    } else {
        rc = yaml_error(yaml, node, "a table's sample is {root: true} or {each: TABLE, mean: N}");
    }
    if (rc == ERR_NONE) {
        *out = sample;
    }
    return rc;
}
