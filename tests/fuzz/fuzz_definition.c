/* Any bytes either load as a definition that keeps its promises, or are refused with a place. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "definition/definition.h"

static void require(bool is_kept, const char *promise)
{
    if (!is_kept) {
        fprintf(stderr, "broken: %s\n", promise);
        abort();
    }
}

static void check_template(const struct collection *collection, const struct template *template)
{
    bool was_literal = false;

    for (unsigned i = 0; i < template->count; i++) {
        const struct template_part *part = &template->parts[i];
        bool is_literal = part->kind == TEMPLATE_LITERAL;

        require(!is_literal || part->literal.len > 0, "a literal is not empty");
        require(!is_literal || !was_literal, "literals do not follow each other");
        if (part->kind == TEMPLATE_FIELD) {
            require(part->field < collection->field_count, "a template names fields that exist");
            require(collection->fields[part->field].vector >= 0, "and that are stored");
        }
        was_literal = is_literal;
    }
    require(template->count > 0, "a template is not empty");
}

static void check_order(const struct order *order, const struct field *fields, unsigned count)
{
    require(order->term_count > 0 && order->term_count <= DEFINITION_TERMS_MAX, "terms fit");
    for (unsigned i = 0; i < order->term_count; i++) {
        require(order->terms[i].field < count, "an order names fields that exist");
        require(fields[order->terms[i].field].nested == NULL, "nested rows order nothing");
    }
}

static void check_fields(const struct field *fields, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct nested *nested = fields[i].nested;

        require((fields[i].vector < 0) == fields[i].is_hidden, "hidden fields are not stored");
        if (nested != NULL) {
            require(nested->on_count > 0, "nested rows belong to a row");
            check_order(&nested->order, nested->fields, nested->field_count);
            check_fields(nested->fields, nested->field_count);
        } else {
            require(fields[i].column.len > 0, "a scalar has a column");
        }
    }
}

static void check_limits(const struct count_limits *limits)
{
    require(limits->shrink_percent <= 100 || limits->shrink_percent == CHECK_ANY, "a percentage");
    require(limits->small >= 0, "a count is not negative");
}

static void check_collection(const struct collection *collection)
{
    require(collection->vector_count > 0, "something is stored");
    check_limits(&collection->limits);
    check_fields(collection->fields, collection->field_count);
    for (unsigned i = 0; i < collection->order_count; i++) {
        check_order(&collection->orders[i], collection->fields, collection->field_count);
    }
    for (unsigned i = 0; i < collection->listing_count; i++) {
        check_order(&collection->listings[i].order, collection->fields, collection->field_count);
    }
}

static void check_rule(const struct take_rule *rule, const struct value *fallback)
{
    require(rule->least <= rule->most, "bounds can be kept");
    require(rule->type != SCALAR_TEXT || (rule->has_most && rule->most <= ACTION_TEXT_MAX),
            "a text has a limit");
    require(fallback->type != VALUE_INTEGER || rule->type != SCALAR_INTEGER ||
                (fallback->integer >= rule->least && fallback->integer <= rule->most),
            "a default is within its bounds");
}

static void check_takes(const struct route *route)
{
    const struct action *action = route->action;

    for (unsigned i = 0; i < action->take_count; i++) {
        const struct take *take = &action->takes[i];

        require(take->place != TAKE_PATH || route->segments[take->segment].is_parameter, "a place");
        require(take->place != TAKE_BODY || (action->reads_body && route->method != ROUTE_GET),
                "a body is read");
        require(take->shape == TAKE_ONE || take->place == TAKE_BODY, "lists are in bodies");
        require(take->shape == TAKE_ONE ||
                    (take->most_items > 0 && take->most_items <= ACTION_ITEMS_MAX),
                "items have a limit");
        require(!take->is_session || take->place == TAKE_COOKIE, "a session is in a cookie");
        check_rule(&take->rule, &take->fallback);
    }
}

static void check_binding(const struct action *action, unsigned statement,
                          const struct binding *binding)
{
    const struct statement *from = &action->statements[binding->statement];

    switch (binding->kind) {
    case BINDING_TAKE:
        require(action->takes[binding->take].shape == TAKE_ONE, "a single value is bound");
        break;
    case BINDING_ITEM:
    case BINDING_ITEM_NAME:
        require(action->statements[statement].each == (int)binding->take, "an item of `each`");
        require(binding->kind == BINDING_ITEM || action->takes[binding->take].shape == TAKE_MAP,
                "only maps have names");
        break;
    case BINDING_RETURNED:
        require(binding->statement < statement, "what comes back is bound later");
        require(binding->column < from->return_count && !from->is_rows, "a column");
        break;
    default:
        break;
    }
}

static void check_statement(const struct action *action, unsigned index)
{
    const struct statement *statement = &action->statements[index];

    require(statement->each < (int)action->take_count, "a take");
    require(statement->each < 0 || statement->return_count == 0, "of items nothing comes back");
    for (unsigned dialect = 0; dialect < SQL_DIALECTS; dialect++) {
        struct slice sql = statement->sql[dialect];

        require(sql.len > 0 && sql.ptr[sql.len] == '\0', "SQL is terminated");
        require(statement->binding_count[dialect] <= ACTION_BINDINGS_MAX, "parameters fit");
        for (unsigned i = 0; i < statement->binding_count[dialect]; i++) {
            check_binding(action, index, &statement->bindings[dialect][i]);
        }
    }
}

static void check_reply(const struct action *action)
{
    for (unsigned i = 0; i < action->answer.count; i++) {
        const struct template_part *part = &action->answer.parts[i];

        require(part->kind != TEMPLATE_TAKE || part->field < action->take_count, "a take");
        require(part->kind != TEMPLATE_RETURNED ||
                    (part->statement < action->statement_count &&
                     part->field < action->statements[part->statement].return_count),
                "a column");
        require(part->kind != TEMPLATE_ROWS || action->rows >= 0, "rows of a statement");
    }
    require(action->is_json == (action->answer.count > 0), "JSON has a template");
    require(action->invalid.status >= 400, "a failure is declared");
}

static void check_action(const struct route *route)
{
    const struct action *action = route->action;

    require(action->statement_count > 0, "something is run");
    require(action->rows < (int)action->statement_count, "rows of a statement");
    check_takes(route);
    for (unsigned i = 0; i < action->statement_count; i++) {
        check_statement(action, i);
    }
    check_reply(action);
}

static void check_table(const struct table *table)
{
    require(table_has_file(table) ? table->row_count == 0 : table->sample == NULL, "one origin");
    for (unsigned i = 0; i < table->row_count * table->column_count; i++) {
        require(table->rows[i].type != VALUE_TEXT || table->rows[i].text.ptr != NULL, "a cell");
    }
}

static void check_parts(const struct definition *definition, const struct route *route)
{
    require(route->part_count <= DEFINITION_ROUTE_PARTS_MAX, "parts have a limit");
    for (unsigned i = 0; i < route->part_count; i++) {
        const struct route *part = &route->parts[i].route;

        require(part->collection == &definition->collections[part->collection_index], "a place");
        require(part->collection->key_is_text == route->collection->key_is_text, "one key");
        require(part->listing < 0 && part->part_count == 0, "a part answers one key");
        require(part->default_count >= 1 && part->default_count <= part->most_count, "its count");
        check_template(part->collection, &part->row);
    }
    for (unsigned i = 0; i < route->answer.count; i++) {
        const struct template_part *reference = &route->answer.parts[i];
        const struct collection *collection;

        require(reference->part < route->part_count, "a reference is of a part");
        collection = route->parts[reference->part].route.collection;
        check_template(collection,
                       &(struct template){.parts = route->answer.parts + i, .count = 1});
        require(reference->kind != TEMPLATE_ROW || collection_is_document(collection), "a row");
        require(reference->kind != TEMPLATE_ROWS || !collection_is_document(collection), "rows");
    }
}

static void check_keys(const struct route *route)
{
    require(route->most_keys <= DEFINITION_KEYS_MAX, "keys have a limit");
    require(collection_is_document(route->collection) ||
                (uint64_t)route->most_keys * route->most_count <= DEFINITION_COUNT_MAX,
            "so do their rows");
    require(route->most_keys == 0 || route->too_many.status >= 400, "too many are refused");
}

static void check_route(const struct definition *definition, const struct route *route)
{
    if (route->action != NULL) {
        check_action(route);
        return;
    }
    require(route->method == ROUTE_GET, "only actions answer other methods");
    require(route->collection == &definition->collections[route->collection_index], "its place");
    if (route->part_count > 0) {
        check_parts(definition, route);
        return;
    }
    check_keys(route);
    require(route->listing < (int)route->collection->listing_count, "its listing");
    require(route->listing >= 0 || route->key.is_present, "a key, or a listing");
    require(route->default_count >= 1 && route->default_count <= route->most_count, "its count");
    require(route->most_count <= DEFINITION_COUNT_MAX, "its limit");
    require(route->invalid_key.status >= 400, "a failure is declared");
    check_template(route->collection, &route->row);
    check_template(route->collection, &route->answer);
}

static void check_expectation(const struct expectation *expectation)
{
    bool has_parts = expectation->kind == EXPECT_MEMBERS || expectation->kind == EXPECT_ITEMS;

    require(expectation->kind != EXPECT_VALUE || expectation->json.len > 0, "a value is JSON");
    require(has_parts || expectation->count == 0, "only objects and lists have parts");
    for (unsigned i = 0; i < expectation->count; i++) {
        check_expectation(&expectation->items[i]);
    }
    require(expectation->least <= expectation->most, "bounds can be kept");
    if (expectation->each != NULL) {
        check_expectation(expectation->each);
    }
    if (expectation->some != NULL) {
        check_expectation(expectation->some);
    }
}

static void check_golden(const struct golden *golden)
{
    require(golden->target.len > 0 && golden->target.ptr[0] == '/', "an address is a path");
    require(golden->status >= 200 && golden->status <= 599, "a status is one");
    require(golden->expect == NULL || !golden->has_text, "a body is JSON or a text");
    if (golden->expect != NULL) {
        check_expectation(golden->expect);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct definition *definition = NULL;
    struct errmsg msg = {""};
    enum err rc = definition_parse("fuzz", slice_of((const char *)data, size), &definition, &msg);

    if (rc != ERR_NONE) {
        unsigned line;
        unsigned column;

        require(rc == ERR_DEFINITION, "a bad definition is ERR_DEFINITION");
        require(sscanf(msg.text, "fuzz:%u:%u: ", &line, &column) == 2, "a message has a place");
        require(line > 0 && column > 0, "a place counts from 1");
        return 0;
    }
    for (unsigned i = 0; i < definition->table_count; i++) {
        check_table(&definition->tables[i]);
    }
    for (unsigned i = 0; i < definition->collection_count; i++) {
        check_collection(&definition->collections[i]);
    }
    for (unsigned i = 0; i < definition->route_count; i++) {
        check_route(definition, &definition->routes[i]);
    }
    for (unsigned i = 0; i < definition->checks.request_count; i++) {
        check_golden(&definition->checks.requests[i]);
    }
    definition_free(definition);
    return 0;
}
