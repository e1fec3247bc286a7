#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "replica/s3_place.h"

static void every_way_to_write_a_bucket_is_read(void **state)
{
    static const char *const cases[][2] = {
        {"s3://shop", "shop/"},
        {"s3://shop/", "shop/"},
        {"s3://shop//", "shop/"},
        {"s3://my-shop.example.com", "my-shop.example.com/"},
        {"s3://123", "123/"},
        {"s3://shop/vitrine", "shop/vitrine/"},
        {"s3://shop/vitrine//", "shop/vitrine/"},
        {"s3://shop/A-1/b_2/.c..", "shop/A-1/b_2/.c../"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct s3_place place;
        struct errmsg msg;

        assert_int_equal(s3_place_parse(cases[i][0], &place, &msg), ERR_NONE);
        assert_string_equal(place.path, cases[i][1]);
        assert_ptr_equal(place.text, cases[i][0]);
        s3_place_free(&place);
    }
}

static void assert_refused(const char *text, const char *why)
{
    struct s3_place place;
    struct errmsg msg;

    assert_int_equal(s3_place_parse(text, &place, &msg), ERR_USAGE);
    assert_non_null(strstr(msg.text, "a bucket is written as s3://BUCKET or s3://BUCKET/PREFIX; "));
    assert_non_null(strstr(msg.text, why));
}

static void what_is_no_bucket_is_told_why(void **state)
{
    static const char *const buckets[] = {
        "s3://",
        "s3:///x",
        "s3://ab",
        "s3://Shop",
        "s3://sh op",
        "s3://shop:x",
        "s3://-shop",
        "s3://shop-/x",
        "s3://.shop",
        "s3://shop_1",
        "s3://sh\xc3\xb6p",
        "s3://a234567890123456789012345678901234567890123456789012345678901234",
    };
    static const char *const prefixes[] = {
        "s3://shop//x",  "s3://shop/a//b", "s3://shop/..",       "s3://shop/a/../b",
        "s3://shop/./a", "s3://shop/a b",  "s3://shop/a\nb",     "s3://shop/a?",
        "s3://shop/a:b", "s3://shop/a\\b", "s3://shop/\xc3\xb6",
    };

    (void)state;
    assert_refused("s3:/shop", "\"s3:/shop\" is neither");
    assert_refused("", "\"\" is neither");
    for (size_t i = 0; i < sizeof buckets / sizeof buckets[0]; i++) {
        assert_refused(buckets[i], "has a bucket that is not 3 to 63 lower-case letters");
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        assert_refused(prefixes[i], "has a prefix that is not letters, digits, dots");
    }
}

static void a_prefix_has_a_bound(void **state)
{
    char text[600];
    struct s3_place place;
    struct errmsg msg;

    (void)state;
    snprintf(text, sizeof text, "s3://shop/%0512d", 0);
    assert_int_equal(s3_place_parse(text, &place, &msg), ERR_NONE);
    s3_place_free(&place);
    snprintf(text, sizeof text, "s3://shop/%0513d", 0);
    assert_refused(text, "has a prefix");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_to_write_a_bucket_is_read),
        cmocka_unit_test(what_is_no_bucket_is_told_why),
        cmocka_unit_test(a_prefix_has_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
