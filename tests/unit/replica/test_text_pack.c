#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "replica/format.h"
#include "replica/text_pack.h"
#include "tests/unit/replica/columns.h"

static const char words[] = "the words of the dictionary, which every text may repeat; ";

struct packing {
    struct text_packer *packer;
    struct text_unpacker *unpacker;
    struct buffer packed;
};

static int setup(void **state)
{
    struct packing *packing = memory_calloc(1, sizeof *packing);

    packing->packer = text_packer_new();
    text_packer_learn(packing->packer, slice_str(words));
    packing->unpacker = text_unpacker_new(text_packer_dictionary(packing->packer));
    buffer_init(&packing->packed, 1 << 20);
    *state = packing;
    return 0;
}

static int teardown(void **state)
{
    struct packing *packing = *state;

    text_packer_free(packing->packer);
    text_unpacker_free(packing->unpacker);
    buffer_free(&packing->packed);
    free(packing);
    return 0;
}

/* A text of SIZE bytes made of parts of the dictionary. */
static struct slice text_of(size_t size, uint64_t seed)
{
    char *text = memory_alloc(size);
    size_t len = 0;

    while (len < size) {
        size_t from = random_next(&seed) % 20;
        size_t some = 12 + random_next(&seed) % 20;

        some = some < size - len ? some : size - len;
        memcpy(text + len, words + from, some);
        len += some;
    }
    return slice_of(text, size);
}

static void a_packed_text_unpacks_to_itself(void **state)
{
    static const size_t sizes[] = {20, 57, 58, 200, 4096, COMPRESS_MAX};
    struct packing *packing = *state;

    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct slice text = text_of(sizes[i], i);
        const char *got;

        buffer_clear(&packing->packed);
        buffer_append_str(&packing->packed, "before");
        assert_true(text_pack(packing->packer, text, &packing->packed));
        assert_memory_equal(packing->packed.ptr, "before", 6);
        assert_true(packing->packed.len - 6 <= text.len - text.len / 8);
        got = text_unpack(packing->unpacker,
                          slice_of(packing->packed.ptr + 6, packing->packed.len - 6),
                          (uint32_t)text.len);
        assert_non_null(got);
        assert_memory_equal(got, text.ptr, text.len);
        free((char *)text.ptr);
    }
}

/* A text does not depend on those that were packed before it. */
static void equal_texts_give_equal_bytes(void **state)
{
    struct packing *packing = *state;
    struct slice text = text_of(500, 1);
    struct slice other = text_of(700, 2);
    struct buffer again;

    buffer_init(&again, 4096);
    assert_true(text_pack(packing->packer, text, &packing->packed));
    assert_true(text_pack(packing->packer, other, &again));
    buffer_clear(&again);
    assert_true(text_pack(packing->packer, text, &again));
    assert_int_equal(again.len, packing->packed.len);
    assert_memory_equal(again.ptr, packing->packed.ptr, again.len);
    buffer_free(&again);
    free((char *)text.ptr);
    free((char *)other.ptr);
}

static void a_text_that_does_not_get_smaller_by_an_eighth_is_not_packed(void **state)
{
    struct packing *packing = *state;
    char noise[1000];
    uint64_t random = 1;

    for (unsigned i = 0; i < sizeof noise; i++) {
        noise[i] = (char)random_next(&random);
    }
    buffer_append_str(&packing->packed, "before");
    assert_false(text_pack(packing->packer, slice_of(noise, sizeof noise), &packing->packed));
    assert_int_equal(packing->packed.len, 6);
    assert_false(text_pack(packing->packer, slice_str("x"), &packing->packed));
    assert_int_equal(packing->packed.len, 6);
    memcpy(noise, words, 50); /* a twentieth is not enough */
    assert_false(text_pack(packing->packer, slice_of(noise, sizeof noise), &packing->packed));
    assert_int_equal(packing->packed.len, 6);
    for (unsigned i = 0; i < 4; i++) {
        memcpy(noise + 50 * i, words, 50); /* a fifth is */
    }
    assert_true(text_pack(packing->packer, slice_of(noise, sizeof noise), &packing->packed));
}

static void a_packed_text_of_another_size_is_damaged(void **state)
{
    struct packing *packing = *state;
    struct slice text = text_of(300, 3);
    struct slice packed;

    assert_true(text_pack(packing->packer, text, &packing->packed));
    packed = buffer_slice(&packing->packed);
    assert_null(text_unpack(packing->unpacker, packed, 299));
    assert_null(text_unpack(packing->unpacker, packed, 301));
    assert_null(text_unpack(packing->unpacker, packed, 0));
    for (size_t len = 0; len < packed.len; len++) {
        assert_null(text_unpack(packing->unpacker, slice_of(packed.ptr, len), 300));
    }
    assert_non_null(text_unpack(packing->unpacker, packed, 300));
    free((char *)text.ptr);
}

static void more_than_the_limit_is_not_unpacked(void **state)
{
    struct packing *packing = *state;
    struct slice text = text_of(COMPRESS_MAX + 1, 4);

    assert_true(text_pack(packing->packer, text, &packing->packed));
    assert_null(text_unpack(packing->unpacker, buffer_slice(&packing->packed), COMPRESS_MAX + 1));
    assert_null(text_unpack(packing->unpacker, slice_of(text.ptr, COMPRESS_MAX + 1), 10));
    free((char *)text.ptr);
}

/* 1 KiB of each text, until it is full. */
static void a_dictionary_learns_the_beginnings_of_texts_until_it_is_full(void **state)
{
    struct text_packer *packer = text_packer_new();
    struct slice text = text_of(2000, 5);
    struct slice dictionary;

    (void)state;
    for (unsigned i = 0; i < 63; i++) {
        assert_false(text_packer_learn(packer, text));
    }
    assert_true(text_packer_learn(packer, text));
    assert_true(text_packer_learn(packer, text));
    dictionary = text_packer_dictionary(packer);
    assert_int_equal(dictionary.len, DICTIONARY_SIZE_MAX);
    assert_memory_equal(dictionary.ptr, text.ptr, 1024);
    assert_memory_equal(dictionary.ptr + 1024, text.ptr, 1024);
    text_packer_free(packer);
    free((char *)text.ptr);
}

static void a_full_dictionary_packs_too(void **state)
{
    struct text_packer *packer = text_packer_new();
    struct text_unpacker *unpacker;
    struct buffer packed;
    struct slice text = text_of(3000, 5);
    const char *got;

    (void)state;
    buffer_init(&packed, 1 << 16);
    for (unsigned i = 0; i < 64; i++) {
        struct slice other = text_of(1024, i);

        text_packer_learn(packer, other);
        free((char *)other.ptr);
    }
    unpacker = text_unpacker_new(text_packer_dictionary(packer));
    assert_true(text_pack(packer, text, &packed));
    got = text_unpack(unpacker, buffer_slice(&packed), 3000);
    assert_non_null(got);
    assert_memory_equal(got, text.ptr, text.len);
    text_packer_free(packer);
    text_unpacker_free(unpacker);
    buffer_free(&packed);
    free((char *)text.ptr);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(a_packed_text_unpacks_to_itself),
        TEST(equal_texts_give_equal_bytes),
        TEST(a_text_that_does_not_get_smaller_by_an_eighth_is_not_packed),
        TEST(a_packed_text_of_another_size_is_damaged),
        TEST(more_than_the_limit_is_not_unpacked),
        TEST(a_dictionary_learns_the_beginnings_of_texts_until_it_is_full),
        TEST(a_full_dictionary_packs_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
