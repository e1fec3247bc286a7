/* cache: how long others may keep what a route answers. */
#include "definition/load.h"

/* 60s, or {age: 60s, stale: 1h} */
enum err load_cache(const struct loader *loader, const struct yaml_node *node,
                    struct cache_rule *out)
{
    static const char *const members[] = {"age", "stale", NULL};
    const struct yaml_node *age = NULL;
    const struct yaml_node *stale;
    enum err rc;

    if (node->kind == YAML_SCALAR) {
        return load_duration(loader, node, "`cache`", "60s", &out->age_s);
    }
    rc = yaml_expect_members(&loader->yaml, node, "`cache`", members);
    if (rc == ERR_NONE) {
        rc = load_required(loader, node, "`cache`", "age", "cache: {age: 60s, stale: 1h}", &age);
    }
    if (rc == ERR_NONE) {
        rc = load_duration(loader, age, "`age`", "60s", &out->age_s);
    }
    stale = yaml_get(node, "stale");
    return rc != ERR_NONE || stale == NULL
               ? rc
               : load_duration(loader, stale, "`stale`", "1h", &out->stale_s);
}
