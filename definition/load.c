#include "definition/load.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/number.h"
#include "definition/wording.h"

enum {
    ADVICE_MAX = 800, /* bytes of advice in a message */
    WORDS_MAX = 16,   /* of a table for load_word */
};

static bool is_name_byte(char c, bool is_first)
{
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

    return is_letter || (!is_first && c >= '0' && c <= '9');
}

bool name_is_valid(struct slice name)
{
    if (name.len == 0 || name.len > DEFINITION_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_byte(name.ptr[i], i == 0)) {
            return false;
        }
    }
    return true;
}

enum err load_name(const struct loader *loader, const struct yaml_node *node, const char *what,
                   struct slice *out)
{
    struct slice name;
    enum err rc = yaml_text(&loader->yaml, node, what, &name);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (!name_is_valid(name)) {
        return yaml_error(&loader->yaml, node,
                          "%s cannot be %s; write at most %d letters, digits and _, no digit first",
                          what, wording_quote(name).text, DEFINITION_NAME_MAX);
    }
    *out = name;
    return ERR_NONE;
}

static struct slice trim(struct slice text)
{
    while (text.len > 0 && isspace((unsigned char)text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && isspace((unsigned char)text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

static bool begins_with_word(struct slice text, const char *word)
{
    size_t len = strlen(word);

    return text.len >= len && strncasecmp(text.ptr, word, len) == 0 &&
           (text.len == len || !is_name_byte(text.ptr[len], false));
}

enum err load_sql(const struct loader *loader, const struct yaml_node *node, const char *what,
                  struct slice *out)
{
    struct slice sql;
    enum err rc = yaml_text(&loader->yaml, node, what, &sql);

    if (rc != ERR_NONE) {
        return rc;
    }
    sql = trim(sql);
    if (!begins_with_word(sql, "SELECT") && !begins_with_word(sql, "WITH")) {
        return yaml_error(&loader->yaml, node,
                          "%s must be a query, not %s; begin with SELECT or WITH", what,
                          wording_quote(sql).text);
    }
    if (sql.ptr[sql.len - 1] == ';') {
        return yaml_error(&loader->yaml, node, "%s ends in a semicolon; leave the semicolon away",
                          what);
    }
    *out = sql;
    return ERR_NONE;
}

static enum err check_count(const struct loader *loader, const struct yaml_node *node,
                            const char *what, unsigned most)
{
    if (node->count == 0) {
        return yaml_error(&loader->yaml, node, "%s is empty; write at least one", what);
    }
    if (node->count > most) {
        return yaml_error(&loader->yaml, node, "%s has %u entries; at most %u fit", what,
                          node->count, most);
    }
    return ERR_NONE;
}

enum err load_mapping(const struct loader *loader, const struct yaml_node *node, const char *what,
                      unsigned most)
{
    if (node->kind != YAML_MAPPING) {
        return yaml_error(&loader->yaml, node, "%s must be a mapping; write {NAME: ..., NAME: ...}",
                          what);
    }
    return check_count(loader, node, what, most);
}

enum err load_list(const struct loader *loader, const struct yaml_node *node, const char *what,
                   unsigned most)
{
    if (node->kind != YAML_SEQUENCE) {
        return yaml_error(&loader->yaml, node, "%s must be a list; write [ONE, TWO]", what);
    }
    return check_count(loader, node, what, most);
}

enum err load_required(const struct loader *loader, const struct yaml_node *mapping,
                       const char *what, const char *name, const char *advice,
                       const struct yaml_node **out)
{
    const struct yaml_node *node = yaml_get(mapping, name);

    if (node == NULL) {
        return yaml_error(&loader->yaml, mapping, "%s has no `%s`; write %s", what, name, advice);
    }
    *out = node;
    return ERR_NONE;
}

enum err load_unknown(const struct loader *loader, const struct yaml_node *at, struct slice wrong,
                      const struct slice *names, unsigned count, const char *fmt, ...)
{
    char prefix[320];
    struct buffer advice;
    va_list args;
    enum err rc;

    va_start(args, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, args);
    va_end(args);
    buffer_init(&advice, ADVICE_MAX);
    wording_advice(&advice, wrong, names, count);
    rc = yaml_error(&loader->yaml, at, "%s; %s", prefix, buffer_str(&advice));
    buffer_free(&advice);
    return rc;
}

enum err load_word(const struct loader *loader, const struct yaml_node *node, const char *what,
                   const char *const *words, unsigned *out)
{
    struct slice names[WORDS_MAX];
    unsigned count = 0;
    struct slice text;
    enum err rc = yaml_text(&loader->yaml, node, what, &text);

    if (rc != ERR_NONE) {
        return rc;
    }
    for (; words[count] != NULL; count++) {
        if (slice_is(text, words[count])) {
            *out = count;
            return ERR_NONE;
        }
        names[count] = slice_str(words[count]);
    }
    return load_unknown(loader, node, text, names, count, "%s cannot be %s", what,
                        wording_quote(text).text);
}

enum err load_refuse_members(const struct loader *loader, const struct yaml_node *mapping,
                             const char *what, const char *const *misplaced)
{
    for (unsigned i = 0; i < mapping->count; i++) {
        for (unsigned j = 0; misplaced[j] != NULL; j++) {
            if (slice_is(mapping->names[i]->text, misplaced[j])) {
                return yaml_error(&loader->yaml, mapping->names[i],
                                  "%s, so it has no `%s`; leave it away", what, misplaced[j]);
            }
        }
    }
    return ERR_NONE;
}

enum err load_scale(const struct loader *loader, const struct yaml_node *mapping,
                    const struct yaml_node *type, bool is_scaled, uint8_t *out)
{
    const struct yaml_node *node = mapping == NULL ? NULL : yaml_get(mapping, "scale");
    int64_t scale = 0;
    enum err rc = ERR_NONE;

    if (!is_scaled && node != NULL) {
        return yaml_error(&loader->yaml, node,
                          "`scale` belongs to decimal and ratio, not to %s; leave it away",
                          wording_quote(type->text).text);
    }
    if (is_scaled && node == NULL) {
        return yaml_error(&loader->yaml, type,
                          "a %.*s needs its digits after the point; write {type: %.*s, scale: 2%s}",
                          SLICE_ARG(type->text), SLICE_ARG(type->text),
                          slice_is(type->text, "ratio") ? ", of: [TOTAL, COUNT]" : "");
    }
    if (node != NULL) {
        rc = yaml_integer(&loader->yaml, node, "`scale`", 0, DECIMAL_SCALE_MAX, &scale);
    }
    if (rc == ERR_NONE) {
        *out = (uint8_t)scale;
    }
    return rc;
}
