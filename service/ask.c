#include "service/ask.h"

#include "base/json.h"
#include "base/number.h"
#include "service/url.h"

static bool find(const struct parameter *parameter, const struct route_match *match,
                 struct slice query, struct arena *arena, struct slice *out)
{
    if (!parameter->is_present) {
        return false;
    }
    if (parameter->in_path) {
        *out = match->segments[parameter->segment];
        return true;
    }
    return url_parameter(query, parameter->name, arena, out);
}

bool ask_read_key(bool is_text, struct slice text, struct key *out)
{
    *out = (struct key){.is_text = is_text, .text = text};
    if (is_text) {
        return text.len > 0 && utf8_is_valid(text);
    }
    return parse_integer(text, &out->integer);
}

/* "[0-9]+" and at least 1, cut to ASK_NUMBER_MAX; anything else is FALLBACK. */
static uint64_t positive(struct slice text, uint64_t fallback)
{
    uint64_t value = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c < '0' || c > '9') {
            return fallback;
        }
        value = value * 10 + (uint64_t)(c - '0');
        if (value > ASK_NUMBER_MAX) {
            value = ASK_NUMBER_MAX;
        }
    }
    return value == 0 ? fallback : value;
}

static unsigned read_order(const struct route *route, struct slice text)
{
    for (unsigned i = 0; i < route->collection->order_count; i++) {
        if (slice_equal(route->collection->orders[i].name, text)) {
            return i;
        }
    }
    return route->default_order;
}

void ask_read_page(const struct route *route, const struct route_match *match, struct slice query,
                   struct arena *arena, struct ask *out)
{
    struct slice text;
    uint64_t count = route->default_count;

    out->page = 1;
    if (route->page.is_present) {
        out->page = route->default_page;
        if (find(&route->page, match, query, arena, &text)) {
            out->page = positive(text, route->default_page);
        }
    }
    if (find(&route->count, match, query, arena, &text)) {
        count = positive(text, route->default_count);
    }
    out->count = (uint32_t)(count < route->most_count ? count : route->most_count);
    if (__builtin_mul_overflow(out->page - 1, (uint64_t)out->count, &out->first)) {
        out->first = UINT64_MAX;
    }
    out->order = route->default_order;
    if (find(&route->order, match, query, arena, &text)) {
        out->order = read_order(route, text);
    }
}

bool ask_read(const struct route *route, const struct route_match *match, struct slice query,
              struct arena *arena, struct ask *out)
{
    *out = (struct ask){.page = 1};
    ask_read_page(route, match, query, arena, out);
    if (route->listing >= 0) {
        return true;
    }
    return find(&route->key, match, query, arena, &out->key_text) &&
           ask_read_key(route->collection->key_is_text, out->key_text, &out->key);
}
