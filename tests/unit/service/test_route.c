#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "service/route.h"
#include "service/url.h"

/* The definition that holds PATHS, NULL-terminated; only what routes are matched by is set. */
static void define(struct definition *definition, struct arena *arena, const char *const *paths)
{
    *definition = (struct definition){.routes = arena_calloc(arena, 16, sizeof(struct route))};
    for (; paths[definition->route_count] != NULL; definition->route_count++) {
        struct route *route = &definition->routes[definition->route_count];
        struct slice path = slice_str(paths[definition->route_count]);
        struct slice text;

        while (url_next_segment(&path, &text) && text.len > 0) {
            struct segment *segment = &route->segments[route->segment_count++];

            segment->is_parameter = text.ptr[0] == ':';
            segment->text = text;
        }
    }
}

static const char *const paths[] = {
    "/books",
    "/books/:isbn",
    "/books/newest",
    "/books/:isbn/loans",
    "/books/newest/of",
    "/:shelf/:place/end",
    "/:shelf/fixed/end",
    "/",
    NULL,
};

static void paths_find_their_route(void **state)
{
    static const struct {
        const char *path;
        int route; /* -1: none */
    } cases[] = {
        {"/", 7},
        {"", -1},
        {"*", -1},
        {"books", -1},
        {"/books", 0},
        {"/books/", 0},
        {"/books//", -1},
        {"//books", -1},
        {"/Books", -1},
        {"/book", -1},
        {"/bookss", -1},
        {"/%62ooks", 0},
        {"/books/1", 1},
        {"/books/1/", 1},
        {"/books/newest", 2},
        {"/books/newest/", 2},
        {"/books/newest/of", 4},
        {"/books/newest/loans", 3}, /* the literal leads nowhere, the parameter does */
        {"/books/newest/x", -1},
        {"/books/1/loans", 3},
        {"/books//loans", -1},
        {"/books/1/loans/2", -1},
        {"/books/a%2Fb", 1},
        {"/books/1/end", 5}, /* "books" leads nowhere, the parameter before it does */
        {"/a/b/end", 5},
        {"/a/fixed/end", 6},
        {"/a/fixed/ends", -1},
    };
    struct definition definition;
    struct route_table *table;
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    define(&definition, &arena, paths);
    table = route_table_make(&definition, &arena);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct route_match match;
        bool found = route_find(table, slice_str(cases[i].path), ROUTE_GET, &arena, &match);

        assert_int_equal(found ? match.route : -1, cases[i].route);
    }
    arena_free(&arena);
}

static void a_path_has_a_route_by_method(void **state)
{
    enum {
        GET = 1 << ROUTE_GET,
        POST = 1 << ROUTE_POST,
        DELETE = 1 << ROUTE_DELETE,
    };
    static const char *const of_methods[] = {"/cart",    "/cart",     "/cart/:item",
                                             "/cart/of", "/:any/all", NULL};
    static const enum route_method methods[] = {ROUTE_GET, ROUTE_POST, ROUTE_DELETE, ROUTE_GET,
                                                ROUTE_POST};
    static const struct {
        const char *path;
        enum route_method method;
        int route;
        unsigned methods; /* compared where there is no route */
    } cases[] = {
        {"/cart", ROUTE_GET, 0, GET},
        {"/cart", ROUTE_POST, 1, POST},
        {"/cart", ROUTE_PUT, -1, GET | POST},
        {"/cart", ROUTE_METHODS, -1, GET | POST},
        {"/cart/7", ROUTE_DELETE, 2, DELETE},
        {"/cart/of", ROUTE_GET, 3, GET},
        {"/cart/of", ROUTE_DELETE, 2, GET | DELETE}, /* the literal has no such method */
        {"/cart/of", ROUTE_POST, -1, GET | DELETE},
        {"/cart/all", ROUTE_POST, 4, DELETE | POST},
    };
    struct definition definition;
    struct route_table *table;
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    define(&definition, &arena, of_methods);
    for (unsigned i = 0; i < definition.route_count; i++) {
        definition.routes[i].method = methods[i];
    }
    table = route_table_make(&definition, &arena);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct route_match match;

        assert_true(route_find(table, slice_str(cases[i].path), cases[i].method, &arena, &match));
        assert_int_equal(match.route, cases[i].route);
        if (match.route < 0) { /* otherwise nobody needs to know them all */
            assert_int_equal(match.methods, cases[i].methods);
        }
    }
    arena_free(&arena);
}

static void segments_are_split_first_and_decoded_then(void **state)
{
    struct definition definition;
    struct route_match match;
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    define(&definition, &arena, paths);
    assert_true(route_find(route_table_make(&definition, &arena), slice_str("/books/a%2Fb+c/loans"),
                           ROUTE_GET, &arena, &match));
    assert_int_equal(match.segment_count, 3);
    assert_true(slice_is(match.segments[1], "a/b+c"));
    arena_free(&arena);
}

static void more_segments_than_a_route_may_have_match_nothing(void **state)
{
    struct definition definition;
    struct route_match match;
    struct arena arena;
    char path[4096];

    (void)state;
    memset(path, '/', sizeof path);
    for (size_t i = 1; i < sizeof path; i += 2) {
        path[i] = 'a';
    }
    arena_init(&arena, 4096);
    define(&definition, &arena, paths);
    assert_false(route_find(route_table_make(&definition, &arena), slice_of(path, sizeof path),
                            ROUTE_GET, &arena, &match));
    arena_free(&arena);
}

static void a_definition_without_routes_matches_nothing(void **state)
{
    static const char *const none[] = {NULL};
    struct definition definition;
    struct route_match match;
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    define(&definition, &arena, none);
    assert_false(route_find(route_table_make(&definition, &arena), slice_str("/"), ROUTE_GET,
                            &arena, &match));
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_find_their_route),
        cmocka_unit_test(a_path_has_a_route_by_method),
        cmocka_unit_test(segments_are_split_first_and_decoded_then),
        cmocka_unit_test(more_segments_than_a_route_may_have_match_nothing),
        cmocka_unit_test(a_definition_without_routes_matches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
