#include "mix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../xorshift.h"

static _Noreturn void refuse(const char *what, const char *text)
{
    fprintf(stderr, "load: %s: %s\n", text, what);
    exit(2);
}

void mix_seed(struct mix *mix, uint64_t seed)
{
    mix->random = seed * 2 + 1;
    for (int i = 0; i < 16; i++) { /* near seeds part */
        (void)xorshift_next(&mix->random);
    }
}

/* ---- reading ---- */

static struct lines read_lines(const char *path)
{
    struct lines lines = {.line = calloc(MIX_LINES_MAX, sizeof *lines.line)};
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    if (file == NULL || lines.line == NULL) {
        refuse(strerror(errno), path);
    }
    while ((len = getline(&line, &size, file)) > 0) {
        line[strcspn(line, "\r\n")] = '\0';
        if (len > MIX_LINE_MAX || lines.count == MIX_LINES_MAX) {
            refuse("a line of more than 16 KiB, or more than 4194304 lines", path);
        }
        lines.line[lines.count] = strdup(line);
        if (lines.line[lines.count++] == NULL) {
            refuse(strerror(errno), path);
        }
    }
    free(line);
    fclose(file);
    if (lines.count == 0) {
        refuse("no lines", path);
    }
    return lines;
}

static void take_keys(struct route *route, const char *keys)
{
    char *end;
    uint64_t to;

    route->from = strtoull(keys, &end, 10);
    if (*end != '-') {
        refuse("keys are FROM-TO", keys);
    }
    to = strtoull(end + 1, &end, 10);
    if (*end != '\0' || to < route->from) {
        refuse("keys are FROM-TO, FROM at most TO", keys);
    }
    route->span = to - route->from + 1;
}

static void take_path(struct route *route, const char *path, const char *keys)
{
    const char *number = strstr(path, "%d");
    size_t len = number != NULL ? (size_t)(number - path) : strlen(path);

    if (path[0] != '/' || strlen(path) > MIX_PATH_MAX) {
        refuse("a path begins with / and has at most 1023 bytes", path);
    }
    if ((number != NULL) != (keys != NULL)) {
        refuse("%d in a path needs keys, and keys need it", path);
    }
    memcpy(route->before, path, len);
    if (number != NULL) {
        route->has_number = true;
        snprintf(route->after, sizeof route->after, "%s", number + 2);
        take_keys(route, keys);
    }
}

void mix_add(struct mix *mix, unsigned weight, const char *name, const char *path, const char *keys)
{
    struct route *route = &mix->routes[mix->route_count];
    size_t len = strlen(name);

    if (mix->route_count == MIX_ROUTES_MAX) {
        refuse("more than 16 routes", name);
    }
    if (weight == 0 || weight > 1000000) {
        refuse("a weight is 1 to 1000000", name);
    }
    if (len == 0 || len > MIX_NAME_MAX || strpbrk(name, "\"\\") != NULL) {
        refuse("a name has 1 to 31 bytes, no quotes", name);
    }
    memset(route, 0, sizeof *route);
    memcpy(route->name, name, len);
    route->weight = weight;
    if (path[0] == '@') {
        route->paths = read_lines(path + 1);
    } else {
        take_path(route, path, keys);
    }
    mix->route_count++;
    mix->weights += weight;
}

void mix_read(struct mix *mix, const char *file)
{
    struct lines lines = read_lines(file);

    for (size_t i = 0; i < lines.count; i++) {
        char *rest = lines.line[i];
        char *words[4] = {NULL};
        unsigned count = 0;

        rest[strcspn(rest, "#")] = '\0';
        for (char *word; (word = strtok_r(rest, " \t", &rest)) != NULL && count < 4;) {
            words[count++] = word;
        }
        if (count > 0 && count < 3) {
            refuse("a line is WEIGHT NAME PATH [FROM-TO]", file);
        }
        if (count > 0) {
            mix_add(mix, (unsigned)strtoul(words[0], NULL, 10), words[1], words[2], words[3]);
        }
        free(lines.line[i]);
    }
    free(lines.line);
}

void mix_read_bodies(struct mix *mix, const char *file)
{
    mix->bodies = read_lines(file);
}

/* ---- requests ---- */

static unsigned pick_route(struct mix *mix)
{
    uint64_t rest;
    unsigned i = 0;

    if (mix->is_in_turn) {
        return (unsigned)(mix->asked % mix->route_count);
    }
    rest = xorshift_next(&mix->random) % mix->weights;
    while (rest >= mix->routes[i].weight) {
        rest -= mix->routes[i++].weight;
    }
    return i;
}

static void pick_path(struct mix *mix, struct route *route, char *path, size_t size)
{
    uint64_t pick = mix->is_in_turn ? route->asked : xorshift_next(&mix->random);

    if (route->paths.count > 0) {
        snprintf(path, size, "%s", route->paths.line[pick % route->paths.count]);
    } else if (route->has_number) {
        snprintf(path, size, "%s%llu%s", route->before,
                 (unsigned long long)(route->from + pick % route->span), route->after);
    } else {
        snprintf(path, size, "%s", route->before);
    }
}

size_t mix_next(struct mix *mix, char *buffer, unsigned *route)
{
    char path[2 * MIX_PATH_MAX + 32];
    const char *body;

    *route = pick_route(mix);
    pick_path(mix, &mix->routes[*route], path, sizeof path);
    mix->asked++;
    mix->routes[*route].asked++;
    if (mix->bodies.count == 0) {
        return (size_t)snprintf(buffer, MIX_REQUEST_MAX, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n",
                                path, mix->host);
    }
    body = mix->bodies.line[xorshift_next(&mix->random) % mix->bodies.count];
    return (size_t)snprintf(buffer, MIX_REQUEST_MAX,
                            "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                            "Content-Length: %zu\r\n\r\n%s",
                            path, mix->host, strlen(body), body);
}

static void free_lines(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->line[i]);
    }
    free(lines->line);
}

void mix_free(struct mix *mix)
{
    for (unsigned i = 0; i < mix->route_count; i++) {
        free_lines(&mix->routes[i].paths);
    }
    free_lines(&mix->bodies);
}
