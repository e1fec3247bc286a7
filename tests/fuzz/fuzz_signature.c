/*
 * Keys and signatures as text: whatever the bytes are, they are refused with a sentence, or they are
 * read and stand for the same bytes when they are written again.
 *
 *   byte 0   what the rest is: even a manifest.sig, odd a file of public keys
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "replica/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(fact)                                                                                \
    do {                                                                                           \
        if (!(fact)) {                                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A signature has one text only: what is read is written as it was. */
static void try_signature(struct slice text)
{
    struct signature signature;
    struct errmsg msg = {""};
    char line[KEY_LINE_MAX];
    enum err rc = signature_parse("s", text, &signature, &msg);

    if (rc != ERR_NONE) {
        CHECK(rc == ERR_CORRUPT && memcmp(msg.text, "s: ", 3) == 0);
        return;
    }
    key_line_write(SIGNATURE_WORD, signature.bytes, sizeof signature.bytes, &signature.signer,
                   line);
    CHECK(slice_is(text, line));
}

static void try_keys(struct slice text)
{
    struct trust trust = {.count = 0};
    struct errmsg msg = {""};
    enum err rc = trust_add_text(&trust, "t", text, &msg);

    CHECK(trust.count <= TRUST_KEYS_MAX);
    if (rc != ERR_NONE) {
        CHECK(rc == ERR_LIMIT || (rc == ERR_INPUT && msg.text[0] == 't'));
        return;
    }
    CHECK(trust.count > 0);
    for (unsigned i = 0; i < trust.count; i++) {
        struct trust again = {.count = 0};
        struct key_id id = key_id_of(&trust.keys[i]);
        char line[KEY_LINE_MAX];

        key_line_write(PUBLIC_KEY_WORD, trust.keys[i].bytes, PUBLIC_KEY_SIZE, &id, line);
        CHECK(trust_add_text(&again, "t", slice_str(line), &msg) == ERR_NONE);
        CHECK(memcmp(again.keys[0].bytes, trust.keys[i].bytes, PUBLIC_KEY_SIZE) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct errmsg msg;
    char *copy; /* of its size, so that the sanitizer sees the first byte that is read behind it */

    if (size == 0 || signature_begin(&msg) != ERR_NONE) {
        return 0;
    }
    copy = memory_alloc(size - 1);
    memcpy(copy, data + 1, size - 1);
    if (data[0] % 2 == 0) {
        try_signature(slice_of(copy, size - 1));
    } else {
        try_keys(slice_of(copy, size - 1));
    }
    free(copy);
    return 0;
}
