#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "service/address.h"

static struct address address(const char *text)
{
    struct address address;

    assert_true(address_parse(slice_str(text), &address));
    return address;
}

static void an_address_is_read_and_written(void **state)
{
    static const struct {
        const char *text;
        const char *written; /* NULL: refused */
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"::1", "::1"},
        {"2001:DB8:0:0::1", "2001:db8::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"", NULL},
        {"192.0.2", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2.1 ", NULL},
        {"192.0.2.1:80", NULL},
        {"[::1]", NULL},
        {"fe80::1%eth0", NULL},
        {"localhost", NULL},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address at;
        char text[ADDRESS_MAX];
        bool is_read = address_parse(slice_str(cases[i].text), &at);

        assert_int_equal(is_read, cases[i].written != NULL);
        if (is_read) {
            address_write(&at, text);
            assert_string_equal(text, cases[i].written);
        }
    }
    assert_false(address_parse(slice_of("::1\0", 4), &(struct address){{0}}));
}

static void the_address_of_a_socket_is_the_one_that_its_text_gives(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct address expected = address("192.0.2.7");
    struct address at;

    (void)state;
    inet_pton(AF_INET, "192.0.2.7", &v4.sin_addr);
    assert_true(address_from_socket((struct sockaddr *)&v4, &at));
    assert_true(address_equal(&at, &expected));
    inet_pton(AF_INET6, "::ffff:192.0.2.7", &v6.sin6_addr);
    assert_true(address_from_socket((struct sockaddr *)&v6, &at));
    assert_true(address_equal(&at, &expected));
    assert_false(address_from_socket(&other, &at));
}

static void a_network_holds_its_addresses_and_no_others(void **state)
{
    static const struct {
        const char *network;
        const char *address;
        bool holds;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"192.0.2.0/27", "192.0.2.31", true},
        {"192.0.2.0/27", "192.0.2.32", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.0", false},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::1", "::1", true},
        {"::1/128", "::2", false},
        {"::/0", "8.8.8.8", true},
        {"::ffff:10.0.0.0/104", "10.1.2.3", true},
    };
    struct errmsg msg;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct network network;
        struct address at = address(cases[i].address);

        assert_int_equal(network_parse(cases[i].network, &network, &msg), ERR_NONE);
        assert_int_equal(network_holds(&network, &at), cases[i].holds);
    }
}

static void what_is_no_network_is_refused_with_what_to_write(void **state)
{
#define NO_NETWORK(text)                                                                           \
    text, "\"" text "\" is no network; write one like 10.0.0.0/8, 2001:db8::/32 or 192.0.2.1"
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {NO_NETWORK("")},
        {NO_NETWORK("10")},
        {NO_NETWORK("10.0.0.0/")},
        {NO_NETWORK("10.0.0.0/33")},
        {NO_NETWORK("10.0.0.0/-1")},
        {NO_NETWORK("10.0.0.0/8x")},
        {NO_NETWORK("::/129")},
        {NO_NETWORK("proxy/8")},
        {"10.1.2.3/8", "10.1.2.3/8 is not where its network begins; write 10.0.0.0/8"},
        {"2001:db8::1/32", "2001:db8::1/32 is not where its network begins; write 2001:db8::/32"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct network network;
        struct errmsg msg;

        assert_int_equal(network_parse(cases[i].text, &network, &msg), ERR_USAGE);
        assert_string_equal(msg.text, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_read_and_written),
        cmocka_unit_test(the_address_of_a_socket_is_the_one_that_its_text_gives),
        cmocka_unit_test(a_network_holds_its_addresses_and_no_others),
        cmocka_unit_test(what_is_no_network_is_refused_with_what_to_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
