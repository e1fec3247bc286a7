#include "service/allow.h"

#include <stdio.h>

enum { METHODS_MAX = 64 };

/* HEAD goes with GET, and OPTIONS with everything. */
static void list(unsigned methods, char out[METHODS_MAX])
{
    static const char *const names[] = {
        [ROUTE_GET] = "GET, HEAD, ", [ROUTE_POST] = "POST, ",     [ROUTE_PUT] = "PUT, ",
        [ROUTE_PATCH] = "PATCH, ",   [ROUTE_DELETE] = "DELETE, ",
    };
    size_t len = 0;

    for (unsigned i = 0; i < ROUTE_METHODS; i++) {
        if ((methods >> i & 1) != 0) {
            len += (size_t)snprintf(out + len, METHODS_MAX - len, "%s", names[i]);
        }
    }
    snprintf(out + len, METHODS_MAX - len, "OPTIONS");
}

void allow_line(unsigned methods, char out[ALLOW_LINES_MAX])
{
    char names[METHODS_MAX];

    list(methods, names);
    snprintf(out, ALLOW_LINES_MAX, "Allow: %s\r\n", names);
}

void allow_preflight(unsigned methods, char out[ALLOW_LINES_MAX])
{
    char names[METHODS_MAX];

    list(methods, names);
    snprintf(out, ALLOW_LINES_MAX,
             "Allow: %s\r\n"
             "Access-Control-Allow-Methods: %s\r\n"
             "Access-Control-Allow-Headers: *\r\n"
             "Access-Control-Max-Age: 86400\r\n",
             names, names);
}

unsigned allow_all(const struct definition *definition)
{
    unsigned methods = 0;

    for (unsigned i = 0; i < definition->route_count; i++) {
        methods |= 1U << definition->routes[i].method;
    }
    return methods;
}
