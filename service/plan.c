#include "service/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/etag.h"

enum { PLAN_BLOCK_SIZE = 16 << 10 };

static struct slice cache_line(const struct cache_rule *rule, struct arena *arena)
{
    char line[160];
    int len;

    if (rule->age_s == 0) {
        return slice_str("Cache-Control: no-cache\r\n");
    }
    len = snprintf(line, sizeof line, "Cache-Control: max-age=%" PRId64, rule->age_s);
    if (rule->stale_s > 0) {
        len += snprintf(line + len, sizeof line - (size_t)len,
                        ", stale-while-revalidate=%" PRId64 ", stale-if-error=%" PRId64,
                        rule->stale_s, rule->stale_s);
    }
    len += snprintf(line + len, sizeof line - (size_t)len, "\r\n");
    return arena_copy(arena, slice_of(line, (size_t)len));
}

static void compile(struct plan *plan)
{
    const struct definition *definition = plan->release->definition;

    plan->routes = route_table_make(definition, &plan->arena);
    plan->rows = arena_calloc(&plan->arena, definition->route_count, sizeof *plan->rows);
    plan->answers = arena_calloc(&plan->arena, definition->route_count, sizeof *plan->answers);
    plan->parts = arena_calloc(&plan->arena, definition->route_count, sizeof *plan->parts);
    plan->caches = arena_calloc(&plan->arena, definition->route_count, sizeof *plan->caches);
    plan->etag_seeds =
        arena_calloc(&plan->arena, definition->route_count, sizeof *plan->etag_seeds);
    for (unsigned i = 0; i < definition->route_count; i++) {
        const struct route *route = &definition->routes[i];

        if (route->action != NULL) {
            continue; /* answered by the source */
        }
        plan->caches[i] = cache_line(&route->cache, &plan->arena);
        plan->etag_seeds[i] = etag_seed(definition->text, i);
        if (route->part_count > 0) {
            parts_compile(&plan->parts[i], route, &plan->arena);
            continue;
        }
        program_compile(&plan->rows[i], &route->row, NULL, route->collection, &plan->arena);
        program_compile(&plan->answers[i], &route->answer, &route->row, route->collection,
                        &plan->arena);
    }
}

enum err plan_open(const char *dir, const struct release_check *check, struct plan **out,
                   struct errmsg *msg)
{
    struct release *release;
    struct plan *plan;
    enum err rc = release_open(dir, check, &release, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    plan = memory_calloc(1, sizeof *plan);
    arena_init(&plan->arena, PLAN_BLOCK_SIZE);
    plan->release = release;
    release_name(plan->release_name, release->manifest->number);
    atomic_init(&plan->references, 1);
    compile(plan);
    *out = plan;
    return ERR_NONE;
}

struct plan *plan_hold(struct plan *plan)
{
    atomic_fetch_add(&plan->references, 1);
    return plan;
}

void plan_drop(struct plan *plan)
{
    if (plan == NULL || atomic_fetch_sub(&plan->references, 1) != 1) {
        return;
    }
    release_drop(plan->release);
    arena_free(&plan->arena);
    free(plan);
}
