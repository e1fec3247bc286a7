/* checks: limits of counts, and golden requests. */
#include "definition/load.h"

#include <stdio.h>

#include "base/number.h"
#include "definition/wording.h"

enum {
    SHRINK_PERCENT = 20,
    GROWTH_PERCENT = 400, /* five times as many */
    SMALL = 100,
    GROWTH_PERCENT_MAX = 1000000,
};

#define SMALL_MAX 1000000000000LL

/* "20%" */
static bool parse_percent(struct slice text, int64_t most, unsigned *out)
{
    int64_t percent;

    if (text.len < 2 || text.ptr[text.len - 1] != '%' ||
        !parse_integer(slice_of(text.ptr, text.len - 1), &percent) || percent < 0 ||
        percent > most) {
        return false;
    }
    *out = (unsigned)percent;
    return true;
}

/* The member NAME of CHECKS: `20%` or `any`; *OUT stays as it was when it is absent. */
static enum err load_percent(const struct loader *loader, const struct yaml_node *checks,
                             const char *name, int64_t most, unsigned *out)
{
    const struct yaml_node *node = yaml_get(checks, name);
    char what[16];
    struct slice text;
    enum err rc;

    if (node == NULL) {
        return ERR_NONE;
    }
    snprintf(what, sizeof what, "`%s`", name);
    rc = yaml_text(&loader->yaml, node, what, &text);
    if (rc != ERR_NONE) {
        return rc;
    }
    if (slice_is(text, "any")) {
        *out = CHECK_ANY;
        return ERR_NONE;
    }
    if (!parse_percent(text, most, out)) {
        return yaml_error(&loader->yaml, node,
                          "%s cannot be %s; write a percentage from 0%% to %lld%%, or any", what,
                          wording_quote(text).text, (long long)most);
    }
    return ERR_NONE;
}

/* What CHECKS says of counts; LIMITS holds the defaults. */
static enum err load_limits(const struct loader *loader, const struct yaml_node *checks,
                            struct count_limits *limits)
{
    static const char *const words[] = {"refuse", "accept", NULL};
    const struct yaml_node *empty = yaml_get(checks, "empty");
    const struct yaml_node *small = yaml_get(checks, "small");
    unsigned word = 0;
    enum err rc = ERR_NONE;

    if (empty != NULL) {
        rc = load_word(loader, empty, "`empty`", words, &word);
        limits->accepts_empty = word == 1;
    }
    if (rc == ERR_NONE) {
        rc = load_percent(loader, checks, "shrink", 100, &limits->shrink_percent);
    }
    if (rc == ERR_NONE) {
        rc = load_percent(loader, checks, "growth", GROWTH_PERCENT_MAX, &limits->growth_percent);
    }
    if (rc == ERR_NONE && small != NULL) {
        rc = yaml_integer(&loader->yaml, small, "`small`", 0, SMALL_MAX, &limits->small);
    }
    return rc;
}

enum err load_collection_checks(const struct loader *loader, const struct yaml_node *node,
                                struct collection *collection)
{
    static const char *const members[] = {"empty", "shrink", "growth", "small", NULL};
    enum err rc = ERR_NONE;

    collection->limits = loader->definition->checks.limits;
    if (node != NULL) {
        rc = yaml_expect_members(&loader->yaml, node, "`checks` of a collection", members);
        if (rc == ERR_NONE) {
            rc = load_limits(loader, node, &collection->limits);
        }
    }
    return rc;
}

/* The target of a request line: what a client would send, so that it means the same there. */
static enum err load_target(const struct loader *loader, const struct yaml_node *node,
                            struct slice *out)
{
    struct slice target;
    enum err rc = yaml_text(&loader->yaml, node, "`get`", &target);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (target.len == 0 || target.ptr[0] != '/' || target.len > DEFINITION_TARGET_MAX) {
        return yaml_error(&loader->yaml, node,
                          "the address of a request cannot be %s; begin it with / and write at "
                          "most %d bytes",
                          wording_quote(target).text, DEFINITION_TARGET_MAX);
    }
    for (size_t i = 0; i < target.len; i++) {
        if (target.ptr[i] <= ' ' || target.ptr[i] > '~' || target.ptr[i] == '#') {
            return yaml_error(&loader->yaml, node,
                              "the address %s has a character that must be encoded; write for "
                              "example %%20 for a blank",
                              wording_quote(target).text);
        }
    }
    *out = target;
    return ERR_NONE;
}

/* expect: or text: */
static enum err load_body(const struct loader *loader, const struct yaml_node *node,
                          struct golden *golden)
{
    const struct yaml_node *expect = yaml_get(node, "expect");
    const struct yaml_node *text = yaml_get(node, "text");

    if (expect != NULL && text != NULL) {
        return yaml_error(&loader->yaml, text,
                          "an answer is JSON (`expect`) or a text (`text`), not both; leave one of "
                          "them away");
    }
    if (text != NULL) {
        golden->has_text = true;
        return yaml_text(&loader->yaml, text, "`text`", &golden->text);
    }
    if (expect == NULL) {
        return ERR_NONE;
    }
    golden->expect = arena_calloc(loader->yaml.arena, 1, sizeof *golden->expect);
    return load_expectation(loader, expect, golden->expect);
}

static enum err load_golden(const struct loader *loader, const struct yaml_node *node,
                            struct golden *golden)
{
    static const char *const members[] = {"get", "status", "expect", "text", NULL};
    const struct yaml_node *target = NULL;
    const struct yaml_node *status = NULL;
    int64_t number = 200;
    enum err rc = yaml_expect_members(&loader->yaml, node, "a request", members);

    if (rc == ERR_NONE) {
        rc = load_required(loader, node, "a request", "get", "get: /PATH?NAME=VALUE", &target);
    }
    if (rc == ERR_NONE) {
        rc = load_target(loader, target, &golden->target);
    }
    if (rc == ERR_NONE && (status = yaml_get(node, "status")) != NULL) {
        rc = yaml_integer(&loader->yaml, status, "`status`", 200, 599, &number);
    }
    if (rc == ERR_NONE) {
        golden->line = node->line;
        golden->status = (unsigned)number;
        rc = load_body(loader, node, golden);
    }
    return rc;
}

static enum err load_requests(struct loader *loader, const struct yaml_node *node)
{
    struct checks *checks = &loader->definition->checks;
    enum err rc = load_list(loader, node, "`requests`", DEFINITION_REQUESTS_MAX);

    if (rc != ERR_NONE) {
        return rc;
    }
    checks->request_count = node->count;
    checks->requests = arena_calloc(loader->yaml.arena, node->count, sizeof *checks->requests);
    for (unsigned i = 0; rc == ERR_NONE && i < node->count; i++) {
        rc = load_golden(loader, node->items[i], &checks->requests[i]);
    }
    return rc;
}

enum err load_checks(struct loader *loader, const struct yaml_node *node)
{
    static const char *const members[] = {"empty", "shrink", "growth", "small", "requests", NULL};
    struct checks *checks = &loader->definition->checks;
    const struct yaml_node *requests;
    enum err rc;

    checks->limits = (struct count_limits){
        .shrink_percent = SHRINK_PERCENT, .growth_percent = GROWTH_PERCENT, .small = SMALL};
    if (node == NULL) {
        return ERR_NONE;
    }
    rc = yaml_expect_members(&loader->yaml, node, "`checks`", members);
    if (rc == ERR_NONE) {
        rc = load_limits(loader, node, &checks->limits);
    }
    if (rc == ERR_NONE && (requests = yaml_get(node, "requests")) != NULL) {
        rc = load_requests(loader, requests);
    }
    return rc;
}
