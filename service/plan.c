#include "service/plan.h"

#include <stdlib.h>

enum { PLAN_BLOCK_SIZE = 16 << 10 };

static void compile(struct plan *plan)
{
    const struct definition *definition = plan->release->definition;

    plan->routes = route_table_make(definition, &plan->arena);
    plan->rows = arena_calloc(&plan->arena, definition->route_count, sizeof *plan->rows);
    plan->answers = arena_calloc(&plan->arena, definition->route_count, sizeof *plan->answers);
    plan->parts = arena_calloc(&plan->arena, definition->route_count, sizeof *plan->parts);
    for (unsigned i = 0; i < definition->route_count; i++) {
        const struct route *route = &definition->routes[i];

        if (route->action != NULL) {
            continue; /* answered by the source */
        }
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
