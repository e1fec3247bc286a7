#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "replica/signing_key.h"

enum { TEXT_MAX = 16 };

/* RFC 8032, section 7.1, tests 1 to 3. */
static const struct {
    const char *seed;
    const char *public;
    const char *text;
    const char *signature;
    const char *id; /* ours: BLAKE2b of the public key, first 8 of 16 bytes */
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b",
     "d7108b422f25cc5e"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00",
     "a704f70b2e6621fc"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a",
     "75ba78b90e83f25e"},
};

enum { VECTORS = sizeof vectors / sizeof vectors[0] };

/* Writes the bytes that HEX stands for; how many. */
static size_t bytes_of(const char *hex, uint8_t *bytes)
{
    size_t size = strlen(hex) / 2;

    for (size_t i = 0; i < size; i++) {
        unsigned value;

        assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
        bytes[i] = (uint8_t)value;
    }
    return size;
}

static struct signing_key *key_of(unsigned vector)
{
    uint8_t seed[32];
    struct signing_key *key;
    struct errmsg msg;

    bytes_of(vectors[vector].seed, seed);
    assert_int_equal(signing_key_from_seed(seed, &key, &msg), ERR_NONE);
    return key;
}

static struct signature sign(unsigned vector, struct slice text)
{
    struct signing_key *key = key_of(vector);
    struct signature signature;

    signing_key_sign(key, text, &signature);
    signing_key_free(key);
    return signature;
}

static void the_vectors_of_the_rfc_are_signed_as_it_says(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VECTORS; i++) {
        struct signing_key *key = key_of(i);
        struct signature signature;
        uint8_t expected[SIGNATURE_SIZE];
        uint8_t public[PUBLIC_KEY_SIZE];
        uint8_t text[TEXT_MAX];
        size_t size = bytes_of(vectors[i].text, text);

        bytes_of(vectors[i].public, public);
        bytes_of(vectors[i].signature, expected);
        assert_memory_equal(signing_key_public(key)->bytes, public, sizeof public);
        signing_key_sign(key, slice_of((char *)text, size), &signature);
        assert_memory_equal(signature.bytes, expected, sizeof expected);
        assert_string_equal(signature.signer.text, vectors[i].id);
        assert_true(
            signature_fits(&signature, signing_key_public(key), slice_of((char *)text, size)));
        signing_key_free(key);
    }
}

static void a_signature_fits_no_other_text_and_no_other_key(void **state)
{
    static const char text[] = "{\"release\": 42}";
    struct signature signature = sign(0, slice_str(text));
    struct signing_key *key = key_of(0);
    struct signing_key *other = key_of(1);
    char changed[sizeof text];

    (void)state;
    assert_true(signature_fits(&signature, signing_key_public(key), slice_str(text)));
    assert_false(signature_fits(&signature, signing_key_public(other), slice_str(text)));
    for (size_t i = 0; i < sizeof text - 1; i++) {
        memcpy(changed, text, sizeof text);
        changed[i] ^= 1;
        assert_false(signature_fits(&signature, signing_key_public(key), slice_str(changed)));
        assert_false(signature_fits(&signature, signing_key_public(key), slice_of(text, i)));
    }
    signing_key_free(key);
    signing_key_free(other);
}

/* The text of a manifest.sig; LINE has KEY_LINE_MAX bytes. */
static struct signature make_line(char *line)
{
    struct signature signature = sign(2, slice_str("text"));

    key_line_write(SIGNATURE_WORD, signature.bytes, sizeof signature.bytes, &signature.signer,
                   line);
    return signature;
}

static void what_is_written_is_read(void **state)
{
    char line[KEY_LINE_MAX];
    struct signature written = make_line(line);
    struct signature read;
    struct errmsg msg;

    (void)state;
    assert_int_equal(signature_parse("manifest.sig", slice_str(line), &read, &msg), ERR_NONE);
    assert_memory_equal(read.bytes, written.bytes, sizeof read.bytes);
    assert_string_equal(read.signer.text, written.signer.text);
}

static void every_change_of_one_bit_is_refused_or_no_longer_fits(void **state)
{
    struct signing_key *key = key_of(2);
    char line[KEY_LINE_MAX];
    struct signature written = make_line(line);
    unsigned refused = 0;

    (void)state;
    for (size_t i = 0; i < strlen(line); i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            char changed[KEY_LINE_MAX];
            struct signature read;
            struct errmsg msg;
            enum err rc;

            memcpy(changed, line, sizeof line);
            changed[i] = (char)(changed[i] ^ 1 << bit);
            rc = signature_parse("manifest.sig", slice_of(changed, strlen(line)), &read, &msg);
            refused += rc != ERR_NONE;
            assert_true(rc == ERR_CORRUPT || strcmp(read.signer.text, written.signer.text) != 0 ||
                        !signature_fits(&read, signing_key_public(key), slice_str("text")));
        }
    }
    assert_true(refused > 400); /* most of them before any arithmetic */
    signing_key_free(key);
}

static void every_truncation_and_every_addition_is_refused(void **state)
{
    static const char expected[] =
        "r/manifest.sig: this is not a signature; fetch or build the release again";
    char line[KEY_LINE_MAX];
    struct signature read;
    struct errmsg msg;
    size_t len;

    (void)state;
    make_line(line);
    len = strlen(line);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(signature_parse("r/manifest.sig", slice_of(line, i), &read, &msg),
                         ERR_CORRUPT);
        assert_string_equal(msg.text, expected);
    }
    line[len] = '\n';
    assert_int_equal(signature_parse("r/manifest.sig", slice_of(line, len + 1), &read, &msg),
                     ERR_CORRUPT);
    assert_string_equal(msg.text, expected);
}

static void a_line_of_another_kind_is_refused(void **state)
{
    struct signing_key *key = key_of(0);
    struct key_id id = key_id_of(signing_key_public(key));
    char line[KEY_LINE_MAX];
    uint8_t bytes[PUBLIC_KEY_SIZE];

    (void)state;
    key_line_write(PUBLIC_KEY_WORD, signing_key_public(key)->bytes, PUBLIC_KEY_SIZE, &id, line);
    line[strlen(line) - 1] = '\0';
    assert_true(key_line_read(slice_str(line), PUBLIC_KEY_WORD, bytes, sizeof bytes, &id));
    assert_false(key_line_read(slice_str(line), SECRET_KEY_WORD, bytes, sizeof bytes, &id));
    assert_false(key_line_read(slice_str(line), SIGNATURE_WORD, bytes, sizeof bytes, &id));
    assert_false(key_line_read(slice_str(line), PUBLIC_KEY_WORD, bytes, sizeof bytes - 1, &id));
    signing_key_free(key);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc_are_signed_as_it_says),
        cmocka_unit_test(a_signature_fits_no_other_text_and_no_other_key),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_change_of_one_bit_is_refused_or_no_longer_fits),
        cmocka_unit_test(every_truncation_and_every_addition_is_refused),
        cmocka_unit_test(a_line_of_another_kind_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
