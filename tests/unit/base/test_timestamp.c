#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/timestamp.h"

static void dates_are_read_in_every_documented_spelling(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01", 0},
        {"1970-01-01T00:00:00.001Z", 1},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2020-07-30T03:41:21.467Z", 1596080481467},
        {"2020-07-30 03:41:21.467", 1596080481467},
        {"2020-07-30T03:41:21.4679999Z", 1596080481467},
        {"2020-07-30T03:41:21.4", 1596080481400},
        {"2020-07-30T03:41", 1596080460000},
        {"2020-07-30T05:41:21.467+02", 1596080481467},
        {"2020-07-30T05:41:21.467+0200", 1596080481467},
        {"2020-07-30T05:41:21.467+02:00", 1596080481467},
        {"2020-07-29T22:11:21.467-05:30", 1596080481467},
        {"2020-02-29", 1582934400000},
        {"2000-02-29", 951782400000},
        {"0000-01-01T00:00:00.000Z", TIMESTAMP_MIN},
        {"9999-12-31T23:59:59.999Z", TIMESTAMP_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = 77;

        if (!timestamp_parse(slice_str(cases[i].text), &ms) || ms != cases[i].ms) {
            fail_msg("%s: %" PRId64, cases[i].text, ms);
        }
    }
}

static void what_is_no_date_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "2020",
        "2020-07",
        "2020-7-30",
        "2020-13-01",
        "2020-00-01",
        "2020-01-00",
        "2020-04-31",
        "2021-02-29",
        "1900-02-29",
        "2020-07-30T",
        "2020-07-30T3:41",
        "2020-07-30T24:00",
        "2020-07-30T03:60",
        "2020-07-30T03:41:60",
        "2020-07-30T03:41:21.",
        "2020-07-30T03:41:21.467z",
        "2020-07-30T03:41:21.467ZZ",
        "2020-07-30T03:41:21+2",
        "2020-07-30T03:41:21+02:",
        "2020-07-30T03:41:21+16:00",
        "2020-07-30T03:41:21+02:60",
        "2020-07-30x03:41:21",
        " 2020-07-30",
        "2020-07-30 ",
        "0000-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "1596080481467",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = 77;

        if (timestamp_parse(slice_str(cases[i]), &ms) || ms != 77) {
            fail_msg("\"%s\" was read as %" PRId64, cases[i], ms);
        }
    }
}

static void every_truncation_stays_within_the_text(void **state)
{
    static const char full[] = "2020-07-30T03:41:21.467+02:00";

    (void)state;
    for (size_t len = 0; len < sizeof full; len++) {
        char copy[sizeof full]; /* exactly LEN bytes are readable; AddressSanitizer looks on */
        int64_t ms;

        memset(copy, '9', sizeof copy);
        memcpy(copy, full, len);
        (void)timestamp_parse(slice_of(copy, len), &ms);
    }
}

static void written_timestamps_read_back_as_themselves(void **state)
{
    static const int64_t step = 86400000LL * 97 + 3661001;

    (void)state;
    for (int64_t ms = TIMESTAMP_MIN; ms <= TIMESTAMP_MAX; ms += step) {
        char text[TIMESTAMP_TEXT_LEN];
        int64_t back;

        timestamp_write(text, ms);
        if (!timestamp_parse(slice_of(text, sizeof text), &back) || back != ms) {
            fail_msg("%" PRId64 " is written as %.24s", ms, text);
        }
    }
}

static void the_calendar_agrees_with_the_system(void **state)
{
    (void)state;
    for (int64_t day = -200000; day < 400000; day += 13) {
        time_t seconds = day * 86400;
        struct tm tm;

        gmtime_r(&seconds, &tm);
        assert_true(days_from_civil(tm.tm_year + 1900, (unsigned)tm.tm_mon + 1,
                                    (unsigned)tm.tm_mday) == day);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_read_in_every_documented_spelling),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(every_truncation_stays_within_the_text),
        cmocka_unit_test(written_timestamps_read_back_as_themselves),
        cmocka_unit_test(the_calendar_agrees_with_the_system),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
