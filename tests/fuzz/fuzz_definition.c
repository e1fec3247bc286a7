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

static void check_route(const struct definition *definition, const struct route *route)
{
    require(route->collection == &definition->collections[route->collection_index], "its place");
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
    require(definition->collection_count > 0, "there is a collection");
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
