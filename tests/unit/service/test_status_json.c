#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/arena.h"
#include "service/status_json.h"

static void assert_json(const struct status_view *view, const char *expected)
{
    struct buffer out;

    buffer_init(&out, 1 << 20);
    status_json_write(view, &out);
    assert_string_equal(buffer_str(&out), expected);
    buffer_free(&out);
}

static void a_sound_service_has_no_reasons(void **state)
{
    struct status_view *view = memory_calloc(1, sizeof *view);

    (void)state;
    view->is_serving = true;
    view->events[0] = (struct status_event){.at_ms = 5, .release = "000001", .times = 1};
    view->event_count = 1;
    assert_json(view, "{\"ready\":true,\"reasons\":[],\"remarks\":[],"
                      "\"events\":[{\"at_ms\":5,\"release\":\"000001\",\"refused\":false}]}\n");
    free(view);
}

static void reasons_remarks_and_refusals_are_strings_whatever_they_hold(void **state)
{
    struct status_view *view = memory_calloc(1, sizeof *view);

    (void)state;
    view->writes.is_open = true;
    view->damage_count = 1;
    snprintf(view->damages[0].file, STATUS_PATH_MAX, "a\"b.db");
    view->damages[0].damage = (struct scrub_damage){.page = 7, .fault = SCRUB_DIFFERS};
    view->events[0] = (struct status_event){.at_ms = 9, .is_refused = true, .times = 3};
    snprintf(view->events[0].release, STATUS_NAME_MAX, "\xff");
    snprintf(view->events[0].reason.text, sizeof view->events[0].reason.text, "a\nb");
    view->event_count = 1;
    assert_json(view, "{\"ready\":false,\"reasons\":[\"no release is open yet\","
                      "\"damaged page a\\\"b.db page 7: hash differs\"],"
                      "\"remarks\":[\"the source is away: writes are answered 503\"],"
                      "\"events\":[{\"at_ms\":9,\"release\":\"(not UTF-8)\",\"refused\":true,"
                      "\"times\":3,\"reason\":\"a\\nb\"}]}\n");
    free(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_service_has_no_reasons),
        cmocka_unit_test(reasons_remarks_and_refusals_are_strings_whatever_they_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
