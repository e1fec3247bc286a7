/*
 * Definitions that are wrong in one place: good.yaml, or another, with FIND replaced once, and what is
 * said then.
 */
#ifndef VITRINE_TESTS_UNIT_DEFINITION_BROKEN_H
#define VITRINE_TESTS_UNIT_DEFINITION_BROKEN_H

#include "base/buffer.h"
#include "base/file.h"
#include "definition/definition.h"

struct broken {
    const char *find;
    const char *replacement;
    const char *message; /* after "good.yaml:" */
};

static inline void check_broken_file(const char *path, const struct broken *broken, unsigned count)
{
    struct buffer good;
    struct errmsg msg = {""};

    buffer_init(&good, DEFINITION_SIZE_MAX);
    assert_int_equal(file_read(path, &good, &msg), ERR_NONE);
    for (unsigned i = 0; i < count; i++) {
        const char *text = buffer_str(&good);
        const char *found = strstr(text, broken[i].find);
        struct definition *definition = NULL;
        struct buffer bad;

        assert_non_null(found);
        buffer_init(&bad, DEFINITION_SIZE_MAX);
        buffer_append(&bad, text, (size_t)(found - text));
        buffer_append_str(&bad, broken[i].replacement);
        buffer_append_str(&bad, found + strlen(broken[i].find));
        memset(&msg, 0, sizeof msg);
        if (definition_parse("good.yaml", buffer_slice(&bad), &definition, &msg) !=
            ERR_DEFINITION) {
            fail_msg("\"%s\" instead of \"%s\" is no error", broken[i].replacement, broken[i].find);
        }
        assert_memory_equal(msg.text, "good.yaml:", 10);
        assert_string_equal(msg.text + 10, broken[i].message);
        assert_null(definition);
        buffer_free(&bad);
    }
    buffer_free(&good);
}

static inline void check_broken(const struct broken *broken, unsigned count)
{
    check_broken_file(TEST_DATA "/unit/definition/good.yaml", broken, count);
}

#endif
