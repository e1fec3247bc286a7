#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "service/proxy.h"

static void trust(struct proxies *proxies, const char *text)
{
    struct errmsg msg;

    assert_int_equal(proxies_trust(proxies, text, &msg), ERR_NONE);
}

static void the_client_is_the_first_address_from_the_right_that_is_not_trusted(void **state)
{
    static const struct {
        const char *peer;
        const char *forwarded;
        const char *client;
    } cases[] = {
        {"203.0.113.9", "", "203.0.113.9"},
        {"203.0.113.9", "198.51.100.1", "203.0.113.9"}, /* a client may write what it wants */
        {"10.0.0.1", "", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.1", "198.51.100.1"},
        {"10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"},
        {"10.0.0.1", "198.51.100.1,10.0.0.2 ,\t10.0.0.3", "198.51.100.1"},
        {"10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"}, /* all are trusted */
        {"10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.1, nonsense, 10.0.0.2", "10.0.0.2"},
        {"10.0.0.1", "198.51.100.1,,10.0.0.2", "10.0.0.2"},
        {"10.0.0.1", "198.51.100.1,", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.1:4711", "198.51.100.1"},
        {"10.0.0.1", "198.51.100.1:", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.1:port", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.1:123456", "10.0.0.1"},
        {"10.0.0.1", "2001:db8::1", "2001:db8::1"},
        {"10.0.0.1", "[2001:db8::1]", "2001:db8::1"},
        {"10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"},
        {"10.0.0.1", "[2001:db8::1]4711", "10.0.0.1"},
        {"10.0.0.1", "[2001:db8::1", "10.0.0.1"},
        {"10.0.0.1", "[]", "10.0.0.1"},
        {"10.0.0.1", "[", "10.0.0.1"},
        {"10.0.0.1", ":", "10.0.0.1"},
        {"10.0.0.1", " ", "10.0.0.1"},
        {"fd00::5", "198.51.100.1, fd00::6", "198.51.100.1"},
        {"::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"},
    };
    struct proxies proxies = {.count = 0};

    (void)state;
    trust(&proxies, "10.0.0.0/8");
    trust(&proxies, "fd00::/8");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address peer;
        struct address client;
        char text[ADDRESS_MAX];

        assert_true(address_parse(slice_str(cases[i].peer), &peer));
        client = proxies_client(&proxies, &peer, slice_str(cases[i].forwarded));
        address_write(&client, text);
        assert_string_equal(text, cases[i].client);
    }
}

static void without_trusted_proxies_the_client_is_who_connects(void **state)
{
    struct proxies none = {.count = 0};
    struct address peer;
    struct address client;

    (void)state;
    assert_true(address_parse(slice_str("127.0.0.1"), &peer));
    client = proxies_client(&none, &peer, slice_str("198.51.100.1"));
    assert_true(address_equal(&client, &peer));
}

static void more_networks_than_there_is_room_for_are_refused(void **state)
{
    struct proxies proxies = {.count = 0};
    struct errmsg msg;

    (void)state;
    for (unsigned i = 0; i < PROXIES_MAX; i++) {
        trust(&proxies, "10.0.0.0/8");
    }
    assert_int_equal(proxies_trust(&proxies, "10.0.0.0/8", &msg), ERR_USAGE);
    assert_string_equal(msg.text, "more than 16 networks of proxies");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_is_the_first_address_from_the_right_that_is_not_trusted),
        cmocka_unit_test(without_trusted_proxies_the_client_is_who_connects),
        cmocka_unit_test(more_networks_than_there_is_room_for_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
