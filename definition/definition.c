#include "definition/definition.h"

#include <stdlib.h>

#include "base/file.h"
#include "definition/load.h"
#include "definition/wording.h"

enum { ARENA_BLOCK_SIZE = 64 * 1024 };

/* The definition's name becomes part of file names, so it is narrower than others. */
static enum err load_own_name(struct loader *loader, const struct yaml_node *node)
{
    struct slice name;
    enum err rc = load_name(loader, node, "`name`", &name);

    for (size_t i = 0; rc == ERR_NONE && i < name.len; i++) {
        char c = name.ptr[i];

        if ((c >= 'A' && c <= 'Z') || (i == 0 && c == '_')) {
            return yaml_error(&loader->yaml, node,
                              "`name` cannot be %s; write a small letter first, then small "
                              "letters, digits and _",
                              wording_quote(name).text);
        }
    }
    if (rc == ERR_NONE) {
        loader->definition->name = name;
    }
    return rc;
}

/* name: and about: */
static enum err load_head(struct loader *loader, const struct yaml_node *root)
{
    const struct yaml_node *name = NULL;
    const struct yaml_node *about = yaml_get(root, "about");
    struct slice text;
    enum err rc = load_required(loader, root, "a definition", "name", "name: library", &name);

    if (rc == ERR_NONE) {
        rc = load_own_name(loader, name);
    }
    if (rc == ERR_NONE && about != NULL) {
        rc = yaml_text(&loader->yaml, about, "`about`", &text);
    }
    return rc;
}

bool definition_has_action(const struct definition *definition)
{
    for (unsigned i = 0; i < definition->route_count; i++) {
        if (definition->routes[i].action != NULL) {
            return true;
        }
    }
    return false;
}

static enum err load_root(struct loader *loader, const struct yaml_node *root)
{
    static const char *const members[] = {"name",   "about",  "tables", "collections",
                                          "routes", "checks", NULL};
    const struct yaml_node *tables = NULL;
    const struct yaml_node *collections = yaml_get(root, "collections");
    const struct yaml_node *routes = NULL;
    enum err rc = yaml_expect_members(&loader->yaml, root, "a definition", members);

    if (rc == ERR_NONE) {
        rc = load_head(loader, root);
    }
    if (rc == ERR_NONE && (tables = yaml_get(root, "tables")) != NULL) {
        rc = load_tables(loader, tables);
    }
    if (rc == ERR_NONE) {
        rc = load_checks(loader, yaml_get(root, "checks"));
    }
    if (rc == ERR_NONE && collections != NULL) {
        rc = load_collections(loader, collections);
    }
    if (rc == ERR_NONE && (routes = yaml_get(root, "routes")) != NULL) {
        rc = load_routes(loader, routes);
    }
    if (rc == ERR_NONE && collections == NULL && !definition_has_action(loader->definition)) {
        rc = load_required(loader, root, "a definition", "collections",
                           "collections: {NAME: {key: ..., rows: ..., fields: ...}}", &collections);
    }
    return rc;
}

enum err definition_parse(const char *path, struct slice text, struct definition **out,
                          struct errmsg *msg)
{
    struct definition *definition = memory_calloc(1, sizeof *definition);
    struct loader loader = {.definition = definition};
    enum err rc;

    arena_init(&definition->arena, ARENA_BLOCK_SIZE);
    loader.yaml.path = path;
    loader.yaml.arena = &definition->arena;
    loader.yaml.msg = msg;
    rc = yaml_parse(&loader.yaml, text);
    if (rc == ERR_NONE) {
        definition->text = arena_copy(&definition->arena, text);
        rc = load_root(&loader, loader.yaml.root);
    }
    if (rc != ERR_NONE) {
        definition_free(definition);
        return rc;
    }
    *out = definition;
    return ERR_NONE;
}

enum err definition_load(const char *path, struct definition **out, struct errmsg *msg)
{
    struct buffer text;
    enum err rc;

    buffer_init(&text, DEFINITION_SIZE_MAX + 1);
    rc = file_read(path, &text, msg);
    if (rc == ERR_LIMIT) {
        rc = err_set(msg, ERR_DEFINITION, "%s:1:1: the file is larger than %d bytes", path,
                     DEFINITION_SIZE_MAX);
    }
    if (rc == ERR_NONE) {
        rc = definition_parse(path, buffer_slice(&text), out, msg);
    }
    buffer_free(&text);
    return rc;
}

void definition_free(struct definition *definition)
{
    if (definition != NULL) {
        arena_free(&definition->arena);
        free(definition);
    }
}

const struct collection *definition_collection(const struct definition *definition,
                                               struct slice name)
{
    for (unsigned i = 0; i < definition->collection_count; i++) {
        if (slice_equal(definition->collections[i].name, name)) {
            return &definition->collections[i];
        }
    }
    return NULL;
}
