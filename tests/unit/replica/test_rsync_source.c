#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "replica/rsync.h"

static void every_way_to_write_a_source_is_read(void **state)
{
    static const struct {
        const char *text;
        enum rsync_way way;
        const char *base;
        unsigned port;
    } cases[] = {
        {"rsync://host/module", RSYNC_DAEMON, "rsync://host/module", 0},
        {"rsync://user@host:8730/module/root//", RSYNC_DAEMON, "rsync://user@host:8730/module/root",
         0},
        {"rsync://[::1]:8730/module", RSYNC_DAEMON, "rsync://[::1]:8730/module", 0},
        {"ssh://host/srv/vitrine/", RSYNC_SSH, "host:/srv/vitrine", 0},
        {"ssh://host/", RSYNC_SSH,
         "host:", 0}, /* what rrsync calls the folder it is restricted to */
        {"ssh://user@host:2222/srv", RSYNC_SSH, "user@host:/srv", 2222},
        {"ssh://[::1]/srv", RSYNC_SSH, "[::1]:/srv", 0},
        {"ssh://[::1]:22/srv", RSYNC_SSH, "[::1]:/srv", 22},
        {"user@host:/srv", RSYNC_SSH, "user@host:/srv", 0},
        {"host:root", RSYNC_SSH, "host:root", 0},
        {"/srv/vitrine", RSYNC_PATH, "/srv/vitrine", 0},
        {"root", RSYNC_PATH, "root", 0},
        {"./a:b", RSYNC_PATH, "./a:b", 0},
        {"/", RSYNC_PATH, "/", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rsync_source source;
        struct errmsg msg;

        assert_int_equal(rsync_source_parse(cases[i].text, &source, &msg), ERR_NONE);
        assert_int_equal(source.way, cases[i].way);
        assert_string_equal(source.base, cases[i].base);
        assert_int_equal(source.port, cases[i].port);
        rsync_source_free(&source);
    }
}

static void what_is_no_source_is_told_why(void **state)
{
    static const char *const cases[][2] = {
        {"", "is none of them"},
        {"-x", "is none of them"},
        {"http://host/x", "is none of them"},
        {"host::module", "is none of them"},
        {"rsync://host", "names no module"},
        {"rsync://host/", "names no module"},
        {"rsync://host//x", "names no module"},
        {"rsync:///module", "names no host"},
        {"rsync://a b/module", "names no host"},
        {"rsync://user@/module", "names no host"},
        {"rsync://-x/module", "names no host"},
        {"ssh://host", "names no path"},
        {"ssh:///x", "names no host"},
        {"ssh://-oProxyCommand=x/y", "names no host"},
        {"ssh://user@-oProxyCommand=x/y", "names no host"},
        {"ssh://host:0/x", "has a port that is no number from 1 to 65535"},
        {"ssh://host:65536/x", "has a port that is no number from 1 to 65535"},
        {"ssh://host:/x", "has a port that is no number from 1 to 65535"},
        {"host:", "names no host or no path"},
        {":/x", "names no host or no path"},
        {"user@-host:/x", "names no host or no path"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rsync_source source;
        struct errmsg msg;

        assert_int_equal(rsync_source_parse(cases[i][0], &source, &msg), ERR_USAGE);
        assert_non_null(strstr(msg.text, "a source is written as rsync://HOST[:PORT]/MODULE, "));
        assert_string_equal(msg.text + strlen(msg.text) - strlen(cases[i][1]), cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_to_write_a_source_is_read),
        cmocka_unit_test(what_is_no_source_is_told_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
