#include "definition/sample_values.h"

#include "base/timestamp.h"

/* Two integers, the first not above the second. */
static enum err parse_pair(const struct yaml *yaml, const struct yaml_node *node, int64_t least,
                           int64_t most, struct sample *sample)
{
    enum err rc;

    if (node->kind != YAML_SEQUENCE || node->count != 2) {
        return yaml_error(yaml, node, "a range is two values: [least, most]");
    }
    rc = yaml_integer(yaml, node->items[0], "the least value", least, most, &sample->least);
    if (rc == ERR_NONE) {
        rc = yaml_integer(yaml, node->items[1], "the most value", least, most, &sample->most);
    }
    if (rc == ERR_NONE && sample->least > sample->most) {
        rc = yaml_error(yaml, node, "the least value is above the most; write [least, most]");
    }
    return rc;
}

enum err sample_parse_pick(const struct yaml *yaml, const struct yaml_node *node,
                           struct sample *sample)
{
    return yaml_text(yaml, node, "pick", &sample->table);
}

enum err sample_parse_range(const struct yaml *yaml, const struct yaml_node *node,
                            struct sample *sample)
{
    return parse_pair(yaml, node, -1000000000000000, 1000000000000000, sample);
}

enum err sample_parse_skewed(const struct yaml *yaml, const struct yaml_node *node,
                             struct sample *sample)
{
    return parse_pair(yaml, node, 0, SAMPLE_ROWS_MAX, sample);
}

enum err sample_parse_words(const struct yaml *yaml, const struct yaml_node *node,
                            struct sample *sample)
{
    return parse_pair(yaml, node, 1, SAMPLE_WORDS_MAX, sample);
}

enum err sample_parse_text(const struct yaml *yaml, const struct yaml_node *node,
                           struct sample *sample)
{
    enum err rc = parse_pair(yaml, node, 1, SAMPLE_TEXT_MAX, sample);

    sample->mean = (double)(sample->least + sample->most) / 2;
    return rc;
}

enum err sample_parse_list(const struct yaml *yaml, const struct yaml_node *node,
                           struct sample *sample)
{
    if (node->kind != YAML_SEQUENCE || node->count == 0 || node->count > SAMPLE_CHOICES_MAX) {
        return yaml_error(yaml, node, "a list of 1 to %d values is wanted here: [S, M, L]",
                          SAMPLE_CHOICES_MAX);
    }
    sample->choices = arena_calloc(yaml->arena, node->count, sizeof *sample->choices);
    sample->choice_count = node->count;
    for (unsigned i = 0; i < node->count; i++) {
        enum err rc = yaml_text(yaml, node->items[i], "a choice", &sample->choices[i]);

        if (rc != ERR_NONE) {
            return rc;
        }
        if (sample->choices[i].len > SAMPLE_TEXT_MAX) {
            return yaml_error(yaml, node->items[i], "a choice has at most %d bytes",
                              SAMPLE_TEXT_MAX);
        }
    }
    return ERR_NONE;
}

enum err sample_parse_url(const struct yaml *yaml, const struct yaml_node *node,
                          struct sample *sample)
{
    enum err rc = yaml_text(yaml, node, "url", &sample->pattern);

    if (rc == ERR_NONE && sample->pattern.len > SAMPLE_TEXT_MAX) {
        rc = yaml_error(yaml, node, "a URL has at most %d bytes", SAMPLE_TEXT_MAX);
    }
    return rc;
}

static enum err parse_day(const struct yaml *yaml, const struct yaml_node *node, int64_t *ms)
{
    struct slice text;
    enum err rc = yaml_text(yaml, node, "a day", &text);

    if (rc == ERR_NONE && !timestamp_parse(text, ms)) {
        rc = yaml_error(yaml, node, "\"%.*s\" is not a day; write one like 2015-01-31",
                        SLICE_ARG(text));
    }
    return rc;
}

enum err sample_parse_timestamp(const struct yaml *yaml, const struct yaml_node *node,
                                struct sample *sample)
{
    enum err rc;

    if (node->kind != YAML_SEQUENCE || node->count != 2) {
        return yaml_error(yaml, node,
                          "a timestamp lies between two days: "
                          "[2015-01-01, 2021-12-31]");
    }
    rc = parse_day(yaml, node->items[0], &sample->least);
    if (rc == ERR_NONE) {
        rc = parse_day(yaml, node->items[1], &sample->most);
    }
    if (rc == ERR_NONE && sample->least > sample->most) {
        rc = yaml_error(yaml, node, "the first day is after the last");
    }
    return rc;
}

enum err sample_parse_share(const struct yaml *yaml, const struct yaml_node *node,
                            struct sample *sample)
{
    return yaml_number(yaml, node, "the share of true", 0, 1, &sample->share);
}

enum err sample_parse_weights(const struct yaml *yaml, const struct yaml_node *node,
                              struct sample *sample)
{
    int64_t wanted = sample->choice_count;
    double total = 0;

    if (sample->kind == SAMPLE_INTEGER) {
        wanted = sample->most - sample->least + 1;
    }
    if (node->kind != YAML_SEQUENCE || node->count != wanted || wanted > SAMPLE_CHOICES_MAX) {
        return yaml_error(yaml, node,
                          "weights is a list with one number a value, %lld here, at "
                          "most %d",
                          (long long)wanted, SAMPLE_CHOICES_MAX);
    }
    sample->weights = arena_calloc(yaml->arena, node->count, sizeof *sample->weights);
    sample->weight_count = node->count;
    for (unsigned i = 0; i < node->count; i++) {
        enum err rc = yaml_number(yaml, node->items[i], "a weight", 0, 1e9, &sample->weights[i]);

        if (rc != ERR_NONE) {
            return rc;
        }
        total += sample->weights[i];
    }
    return total > 0 ? ERR_NONE : yaml_error(yaml, node, "one weight at least must be above 0");
}

enum err sample_parse_text_mean(const struct yaml *yaml, const struct yaml_node *node,
                                struct sample *sample)
{
    enum err rc = yaml_number(yaml, node, "mean", 1, SAMPLE_TEXT_MAX, &sample->mean);

    if (rc == ERR_NONE &&
        (sample->mean <= (double)sample->least || sample->mean >= (double)sample->most)) {
        rc = yaml_error(yaml, node, "the mean must lie between %lld and %lld",
                        (long long)sample->least, (long long)sample->most);
    }
    return rc;
}

enum err sample_parse_end(const struct yaml *yaml, const struct yaml_node *node,
                          struct sample *sample)
{
    enum err rc = yaml_text(yaml, node, "end", &sample->end);

    if (rc == ERR_NONE && (sample->end.len == 0 || sample->end.len > 16)) {
        rc = yaml_error(yaml, node, "end is 1 to 16 bytes, like \"?\"");
    }
    return rc;
}

enum err sample_parse_zero(const struct yaml *yaml, const struct yaml_node *node,
                           struct sample *sample)
{
    return yaml_number(yaml, node, "the share of zero", 0, 1, &sample->share);
}

enum err sample_parse_pool(const struct yaml *yaml, const struct yaml_node *node,
                           struct sample *sample)
{
    int64_t pool;
    enum err rc = yaml_integer(yaml, node, "pool", 1, SAMPLE_POOL_MAX, &pool);

    if (rc == ERR_NONE) {
        sample->pool = (uint32_t)pool;
    }
    return rc;
}

enum err sample_parse_null(const struct yaml *yaml, const struct yaml_node *node,
                           struct sample *sample)
{
    return yaml_number(yaml, node, "the share of null", 0, 1, &sample->null_share);
}
