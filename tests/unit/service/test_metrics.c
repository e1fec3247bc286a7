#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/arena.h"
#include "service/metrics.h"
#include "service/metrics_vitals.h"

/* A view on the heap: it is large. */
static struct status_view *serving_view(void)
{
    struct status_view *view = memory_calloc(1, sizeof *view);

    view->started_ms = 1000000123;
    view->is_serving = true;
    snprintf(view->release_name, sizeof view->release_name, "000042");
    snprintf(view->definition, sizeof view->definition, "shelf");
    view->release_number = 42;
    view->built_ms = 1000005000;
    view->max_age_ms = 7200000;
    view->swaps = 3;
    view->refusals = 2;
    view->scrubbed_pages = 100;
    view->scrub_passes = 1;
    view->scrub_passed_ms = 1000007001;
    snprintf(view->collections[0].name, STATUS_NAME_MAX, "loans");
    view->collections[0].rows = 30;
    view->collections[0].keys = 20;
    view->collections[0].bytes = 4096;
    view->collection_count = 1;
    view->writes = (struct writes_view){
        .is_open = true,
        .is_connected = true,
        .waiting = 12,
        .ends = {[WRITE_END_DONE] = 34, [WRITE_END_KEY_CONFLICT] = 5, [WRITE_END_AWAY] = 6},
    };
    return view;
}

static void add_damage(struct status_view *view, const char *file, uint64_t page)
{
    struct status_damage *at = &view->damages[view->damage_count++];

    snprintf(at->file, sizeof at->file, "%s", file);
    at->damage = (struct scrub_damage){.page = page, .fault = SCRUB_DIFFERS_ON_DISK};
}

static void write_all(const struct status_view *view, struct buffer *out)
{
    struct route_traffic *routes = memory_calloc(3, sizeof *routes);
    struct traffic traffic = {
        .connections = 5,
        .states = {[METER_IDLE] = 3, [METER_WRITING] = 2},
        .bytes = 12345,
        .accepted = 20,
        .refused = 4,
        .cold_reads = 21,
        .cold_refusals = 2,
        .routes = routes,
        .route_count = 3,
    };
    const struct vitals vitals = {
        .version = "1.2",
        .connections = 10000,
        .cpu_ms = 61007,
        .resident_bytes = 8192,
        .virtual_bytes = 16384,
        .open_fds = 33,
        .max_fds = 1024,
        .has_room = true,
        .free_bytes = 500,
        .size_bytes = 900,
        .has_state = true,
        .is_pinned = true,
        .refused = 43,
    };

    routes[0].method = ROUTE_METHODS;
    routes[0].path = "";
    routes[0].statuses[404] = 9;
    routes[1].method = ROUTE_GET;
    routes[1].path = "/loans/:id";
    routes[1].statuses[200] = 7;
    routes[1].statuses[503] = 1;
    routes[1].buckets[0] = 5;
    routes[1].buckets[2] = 2;
    routes[1].buckets[METER_BOUNDS] = 1;
    routes[1].time_ns = 2000300004;
    routes[2].method = ROUTE_PUT;
    routes[2].path = "/never";
    buffer_init(out, 1 << 20);
    metrics_write(view, &traffic, &vitals, 1000010250, out);
    traffic_free(&traffic);
}

static void every_value_is_told(void **state)
{
    static const char *const lines[] = {
        "vitrine_ready 1\n",
        "vitrine_release_info{release=\"000042\",definition=\"shelf\"} 1\n",
        "vitrine_release_number 42\n",
        "vitrine_release_built_timestamp_seconds 1000005.000\n",
        "vitrine_data_age_seconds 5.250\n",
        "vitrine_swaps_total 3\n",
        "vitrine_refusals_total 2\n",
        "vitrine_scrub_pages_checked_total 100\n",
        "vitrine_scrub_damaged_pages 0\n",
        "vitrine_repair_failing_files 0\n",
        "vitrine_scrub_last_pass_timestamp_seconds 1000007.001\n",
        "vitrine_source_connected 1\n",
        "vitrine_writes_waiting 12\n",
        "vitrine_writes_total{end=\"done\"} 34\n",
        "vitrine_writes_total{end=\"replayed\"} 0\n",
        "vitrine_writes_total{end=\"key_conflict\"} 5\n",
        "vitrine_writes_total{end=\"away\"} 6\n",
        "vitrine_connections_open 5\n",
        "vitrine_connections{state=\"idle\"} 3\n",
        "vitrine_connections{state=\"writing\"} 2\n",
        "vitrine_connections_accepted_total 20\n",
        "vitrine_connections_refused_total 4\n",
        "vitrine_response_bytes_total 12345\n",
        "vitrine_requests_total{method=\"other\",route=\"none\",status=\"404\"} 9\n",
        "vitrine_requests_total{method=\"GET\",route=\"/loans/:id\",status=\"200\"} 7\n",
        "vitrine_requests_total{method=\"GET\",route=\"/loans/:id\",status=\"503\"} 1\n",
        "vitrine_collection_rows{collection=\"loans\"} 30\n",
        "vitrine_collection_keys{collection=\"loans\"} 20\n",
        "vitrine_collection_bytes{collection=\"loans\"} 4096\n",
        "vitrine_cold_reads_total 21\n",
        "vitrine_cold_reads_refused_total 2\n",
        "process_start_time_seconds 1000000.123\n",
        "vitrine_max_age_seconds 7200.000\n",
        "vitrine_build_info{version=\"1.2\"} 1\n",
        "vitrine_connections_limit 10000\n",
        "vitrine_root_free_bytes 500\n",
        "vitrine_root_size_bytes 900\n",
        "vitrine_root_pinned 1\n",
        "vitrine_root_refused_release_number 43\n",
        "process_cpu_seconds_total 61.007\n",
        "process_resident_memory_bytes 8192\n",
        "process_virtual_memory_bytes 16384\n",
        "process_open_fds 33\n",
        "process_max_fds 1024\n",
    };
    struct status_view *view = serving_view();
    struct buffer out;

    (void)state;
    write_all(view, &out);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char line[200];

        snprintf(line, sizeof line, "\n%s", lines[i]);
        if (strstr(buffer_str(&out), line) == NULL) {
            fail_msg("missing: %s\nin: %s", lines[i], buffer_str(&out));
        }
    }
    buffer_free(&out);
    free(view);
}

static void buckets_add_up_and_bounds_are_seconds(void **state)
{
    static const char expected[] =
        "vitrine_request_duration_seconds_bucket{method=\"GET\",route=\"/loans/"
        ":id\",le=\"2.5e-05\"}"
        " 5\n"
        "vitrine_request_duration_seconds_bucket{method=\"GET\",route=\"/loans/:id\",le=\"5e-05\"}"
        " 5\n"
        "vitrine_request_duration_seconds_bucket{method=\"GET\",route=\"/loans/:id\",le=\"0.0001\"}"
        " 7\n";
    static const char end[] =
        "vitrine_request_duration_seconds_bucket{method=\"GET\",route=\"/loans/:id\",le=\"1\"} 7\n"
        "vitrine_request_duration_seconds_bucket{method=\"GET\",route=\"/loans/:id\",le=\"+Inf\"}"
        " 8\n"
        "vitrine_request_duration_seconds_sum{method=\"GET\",route=\"/loans/:id\"} 2.000300004\n"
        "vitrine_request_duration_seconds_count{method=\"GET\",route=\"/loans/:id\"} 8\n";
    struct status_view *view = serving_view();
    struct buffer out;

    (void)state;
    write_all(view, &out);
    assert_non_null(strstr(buffer_str(&out), expected));
    assert_non_null(strstr(buffer_str(&out), end));
    assert_null(strstr(buffer_str(&out), "/never"));
    buffer_free(&out);
    free(view);
}

/* Of a text: HELP, TYPE, then samples of that name, each name once. */
static void every_sample_follows_its_help_and_type(void **state)
{
    struct status_view *view = serving_view();
    struct buffer out;
    char name[100] = "";
    unsigned metrics = 0;
    char *rest;

    (void)state;
    add_damage(view, "loans/0001.db", 17);
    write_all(view, &out);
    buffer_str(&out);
    for (char *line = strtok_r(out.ptr, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char type[100];
        char other[100];

        if (sscanf(line, "# HELP %99s", name) == 1) {
            line = strtok_r(NULL, "\n", &rest);
            assert_int_equal(sscanf(line, "# TYPE %99s %99s", other, type), 2);
            assert_string_equal(other, name);
            assert_true(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0 ||
                        strcmp(type, "histogram") == 0);
            assert_int_equal(strcmp(type, "counter") == 0,
                             strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0);
            metrics++;
        } else {
            assert_memory_equal(line, name, strlen(name));
            assert_true(line[strlen(name)] == ' ' || line[strlen(name)] == '{' ||
                        line[strlen(name)] == '_');
        }
    }
    assert_true(metrics >= 15);
    buffer_free(&out);
    free(view);
}

static void what_is_not_known_of_the_root_is_not_told(void **state)
{
    const struct vitals vitals = {.version = "1.2", .refused = 43, .free_bytes = 500};
    struct buffer out;

    (void)state;
    buffer_init(&out, 1 << 20);
    metrics_write_vitals(&vitals, &out);
    assert_null(strstr(buffer_str(&out), "vitrine_root"));
    assert_non_null(strstr(buffer_str(&out), "process_max_fds 0\n"));
    buffer_free(&out);
}

static void without_a_release_there_is_nothing_told_of_one(void **state)
{
    struct status_view *view = memory_calloc(1, sizeof *view);
    struct buffer out;

    (void)state;
    write_all(view, &out);
    assert_null(strstr(buffer_str(&out), "vitrine_release"));
    assert_null(strstr(buffer_str(&out), "max_age"));
    assert_null(strstr(buffer_str(&out), "last_pass"));
    assert_non_null(strstr(buffer_str(&out), "vitrine_ready 0\n"));
    buffer_free(&out);
    free(view);
}

static void reasons_are_one_a_line_and_name_file_and_page(void **state)
{
    struct status_view *view = serving_view();
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    status_reasons(view, &out);
    assert_int_equal(out.len, 0);
    view->is_serving = false;
    add_damage(view, "loans/0001.db", 17);
    add_damage(view, "pages.xxh3", 0);
    status_reasons(view, &out);
    assert_string_equal(buffer_str(&out),
                        "no release is open yet\n"
                        "damaged page loans/0001.db page 17: hash differs on the disk\n"
                        "damaged file pages.xxh3: hash differs on the disk\n");
    buffer_free(&out);
    free(view);
}

static void data_beyond_its_age_is_a_reason_with_both_numbers(void **state)
{
    struct status_view *view = serving_view();
    struct buffer out;

    (void)state;
    buffer_init(&out, 4096);
    view->max_age_ms = 60000;
    view->now_ms = view->built_ms + 60000;
    status_reasons(view, &out);
    assert_int_equal(out.len, 0);
    view->now_ms += 1500;
    status_reasons(view, &out);
    assert_string_equal(buffer_str(&out), "the data is 61 s old, more than the 60 s of --max-age: "
                                          "see why no newer release comes\n");
    view->max_age_ms = 0;
    buffer_clear(&out);
    status_reasons(view, &out);
    assert_int_equal(out.len, 0);
    buffer_free(&out);
    free(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_told),
        cmocka_unit_test(buckets_add_up_and_bounds_are_seconds),
        cmocka_unit_test(every_sample_follows_its_help_and_type),
        cmocka_unit_test(what_is_not_known_of_the_root_is_not_told),
        cmocka_unit_test(without_a_release_there_is_nothing_told_of_one),
        cmocka_unit_test(data_beyond_its_age_is_a_reason_with_both_numbers),
        cmocka_unit_test(reasons_are_one_a_line_and_name_file_and_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
