#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <libdeflate.h>
#include <stdlib.h>

#include "base/arena.h"
#include "service/gzip.h"

static void clients_say_whether_they_take_gzip(void **state)
{
    static const struct {
        const char *list;
        bool is_accepted;
    } cases[] = {
        {"gzip", true},
        {"gzip, deflate, br, zstd", true},
        {"br,gzip", true},
        {"deflate , GZIP ", true},
        {"x-gzip", true},
        {"gzip;q=0.5", true},
        {"gzip; q=0.001, br", true},
        {"gzip;q=1.000", true},
        {"*", true},
        {"br, *;q=0.1", true},
        {"gzip;q=", true},
        {"", false},
        {"br", false},
        {"identity", false},
        {"gzip;q=0", false},
        {"gzip ; Q = 0.000 , br", false},
        {"*;q=0", false},
        {"*, gzip;q=0", false},
        {"gzip;q=0, *", false},
        {"gzipped", false},
        {"not gzip", false},
        {",;,", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (gzip_is_accepted(slice_str(cases[i].list)) != cases[i].is_accepted) {
            fail_msg("%s", cases[i].list);
        }
    }
}

/* LEN bytes: words over and over, or bytes without any order. */
static char *make_body(size_t len, bool is_text)
{
    static const char text[] = "{\"a\":1,\"words\":\"over and over\"},";
    char *body = memory_alloc(len);
    uint64_t x = 1;

    for (size_t i = 0; i < len; i++) {
        x = x * 6364136223846793005U + 1442695040888963407U;
        body[i] = is_text ? text[i % (sizeof text - 1)] : (char)(x >> 56);
    }
    return body;
}

static void what_is_packed_is_the_body_and_smaller(void **state)
{
    static const size_t lens[] = {GZIP_SIZE_MIN, 1500, 100000, GZIP_SIZE_MAX, GZIP_SIZE_MIN};
    struct libdeflate_decompressor *reader = libdeflate_alloc_decompressor();
    struct gzip gzip;

    (void)state;
    gzip_init(&gzip);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        char *body = make_body(lens[i], true);
        char *back = memory_alloc(lens[i] + 1);
        size_t len = 0;
        struct slice packed;

        assert_true(gzip_pack(&gzip, slice_of(body, lens[i]), &packed));
        assert_true(packed.len <= lens[i] - lens[i] / 8);
        assert_int_equal(
            libdeflate_gzip_decompress(reader, packed.ptr, packed.len, back, lens[i] + 1, &len),
            LIBDEFLATE_SUCCESS);
        assert_int_equal(len, lens[i]);
        assert_memory_equal(back, body, len);
        free(body);
        free(back);
    }
    gzip_free(&gzip);
    libdeflate_free_decompressor(reader);
}

static void what_does_not_pay_is_left_alone(void **state)
{
    static const struct {
        size_t len;
        bool is_text;
        bool is_off;
    } cases[] = {
        {0, true, false},
        {GZIP_SIZE_MIN - 1, true, false},
        {GZIP_SIZE_MAX + 1, true, false},
        {4096, false, false},
        {4096, true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *body = make_body(cases[i].len + 1, cases[i].is_text);
        struct slice packed;
        struct gzip gzip;

        gzip_init(&gzip);
        gzip.is_off = cases[i].is_off;
        assert_false(gzip_pack(&gzip, slice_of(body, cases[i].len), &packed));
        gzip_free(&gzip);
        free(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_say_whether_they_take_gzip),
        cmocka_unit_test(what_is_packed_is_the_body_and_smaller),
        cmocka_unit_test(what_does_not_pay_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
