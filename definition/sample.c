#include "definition/sample.h"

#include "definition/sample_values.h"

/* The members that a kind may have beside itself; `null` goes with all. */
enum { TAKES_WEIGHTS = 1, TAKES_ZERO = 2, TAKES_MEAN = 4, TAKES_END = 8, TAKES_POOL = 16 };

struct kind_rule {
    const char *name;
    sample_parser parse; /* NULL: the kind is its name alone */
    unsigned takes;
};

static const struct kind_rule kinds[] = {
    [SAMPLE_SEQUENCE] = {"sequence", NULL, 0},
    [SAMPLE_PARENT] = {"parent", NULL, 0},
    [SAMPLE_WITH] = {"with", NULL, 0},
    [SAMPLE_FIRST] = {"first", NULL, 0},
    [SAMPLE_NAME] = {"name", NULL, 0},
    [SAMPLE_EMAIL] = {"email", NULL, 0},
    [SAMPLE_PICK] = {"pick", sample_parse_pick, TAKES_ZERO},
    [SAMPLE_INTEGER] = {"integer", sample_parse_range, TAKES_WEIGHTS},
    [SAMPLE_SKEWED] = {"skewed", sample_parse_skewed, 0},
    [SAMPLE_DECIMAL] = {"decimal", sample_parse_range, 0},
    [SAMPLE_CHOICE] = {"choice", sample_parse_list, TAKES_WEIGHTS},
    [SAMPLE_DISTINCT] = {"distinct", sample_parse_list, 0},
    [SAMPLE_WORDS] = {"words", sample_parse_words, 0},
    [SAMPLE_TEXT] = {"text", sample_parse_text, TAKES_MEAN | TAKES_END},
    [SAMPLE_URL] = {"url", sample_parse_url, TAKES_POOL},
    [SAMPLE_TIMESTAMP] = {"timestamp", sample_parse_timestamp, 0},
    [SAMPLE_BOOLEAN] = {"boolean", sample_parse_share, 0},
};

enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

const char *sample_kind_name(enum sample_kind kind)
{
    return kinds[kind].name;
}

static int find_kind(struct slice name)
{
    for (int i = 0; i < KIND_COUNT; i++) {
        if (slice_is(name, kinds[i].name)) {
            return i;
        }
    }
    return -1;
}

/* A kind that is its name alone: `sequence`, or {of: sequence, null: 0.1}. */
static enum err parse_plain(const struct yaml *yaml, const struct yaml_node *node,
                            struct sample *sample)
{
    struct slice name;
    enum err rc = yaml_text(yaml, node, "a sample", &name);
    int kind;

    if (rc != ERR_NONE) {
        return rc;
    }
    kind = find_kind(name);
    if (kind < 0) {
        return yaml_error(yaml, node,
                          "\"%.*s\" is not a sample; write one of sequence, parent, "
                          "with, first, name, email, or a mapping like "
                          "{integer: [1, 5]}",
                          SLICE_ARG(name));
    }
    if (kinds[kind].parse != NULL) {
        return yaml_error(yaml, node, "%s needs its values: {%s: ...}", kinds[kind].name,
                          kinds[kind].name);
    }
    sample->kind = (enum sample_kind)kind;
    return ERR_NONE;
}

/* The members beside the kind; a weight count depends on the kind, so they come after it. */
static const struct {
    const char *name;
    unsigned flag;
    sample_parser parse;
} extras[] = {
    {"weights", TAKES_WEIGHTS, sample_parse_weights}, {"zero", TAKES_ZERO, sample_parse_zero},
    {"mean", TAKES_MEAN, sample_parse_text_mean},     {"end", TAKES_END, sample_parse_end},
    {"pool", TAKES_POOL, sample_parse_pool},          {"null", 0, sample_parse_null},
};

static enum err parse_extras(const struct yaml *yaml, const struct yaml_node *node,
                             struct sample *sample)
{
    for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++) {
        const struct yaml_node *value = yaml_get(node, extras[i].name);
        enum err rc;

        if (value == NULL) {
            continue;
        }
        if (extras[i].flag != 0 && (kinds[sample->kind].takes & extras[i].flag) == 0) {
            return yaml_error(yaml, value, "%s does not go with %s", extras[i].name,
                              kinds[sample->kind].name);
        }
        rc = extras[i].parse(yaml, value, sample);
        if (rc != ERR_NONE) {
            return rc;
        }
    }
    return ERR_NONE;
}

/* Finds the one member that says the kind and reads it. */
static enum err parse_kind(const struct yaml *yaml, const struct yaml_node *node,
                           struct sample *sample)
{
    const struct yaml_node *value = yaml_get(node, "of");
    int found = -1;

    for (int i = 0; i < KIND_COUNT; i++) {
        const struct yaml_node *member =
            kinds[i].parse == NULL ? NULL : yaml_get(node, kinds[i].name);

        if (member == NULL) {
            continue;
        }
        if (value != NULL) {
            return yaml_error(yaml, member, "a sample is of one kind only");
        }
        value = member;
        found = i;
    }
    if (value == NULL) {
        return yaml_error(yaml, node, "a sample says its kind: {integer: [1, 5]}, {of: name}");
    }
    if (found < 0) {
        return parse_plain(yaml, value, sample);
    }
    sample->kind = (enum sample_kind)found;
    return kinds[found].parse(yaml, value, sample);
}

enum err sample_parse_column(const struct yaml *yaml, const struct yaml_node *node,
                             struct sample **out)
{
    static const char *const allowed[] = {
        "of",    "pick", "integer", "skewed",  "decimal",   "choice",  "distinct",
        "words", "text", "url",     "boolean", "timestamp", "weights", "zero",
        "mean",  "end",  "pool",    "null",    NULL,
    };
    struct sample *sample = arena_calloc(yaml->arena, 1, sizeof *sample);
    enum err rc;

    if (node->kind == YAML_SCALAR) {
        rc = parse_plain(yaml, node, sample);
    } else {
        rc = yaml_expect_members(yaml, node, "a sample", allowed);
        if (rc == ERR_NONE) {
            rc = parse_kind(yaml, node, sample);
        }
        if (rc == ERR_NONE) {
            rc = parse_extras(yaml, node, sample);
        }
    }
    if (rc == ERR_NONE) {
        *out = sample;
    }
    return rc;
}
