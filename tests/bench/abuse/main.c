/*
 * abuse: a client that no server deserves, for tests and benches. Prints its result as JSON.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "client.h"

enum { EXIT_USAGE = 2, BYTES_MAX = 1 << 24, CONNECTIONS_MAX = 65536 };

static const char help[] =
    "usage: abuse --port N --mode fuzz|send|drip|hold [options]\n"
    "  --connections N   at a time (32)\n"
    "  --seconds S       at most (60)\n"
    "  --answers N       fuzz: until there were so many (1000000)\n"
    "  --seed N          fuzz: which requests (1)\n"
    "  --bytes FILE      send, drip, hold: what each connection sends\n"
    "  --tick S          drip: for a byte; hold: for --take bytes (1)\n"
    "  --take N          hold: bytes read a tick (0)\n"
    "SIGTERM ends a run with its result. Exit codes: 0, 1 nobody listens, 2 usage.\n";

static _Noreturn void refuse(const char *what)
{
    fprintf(stderr, "abuse: %s\n%s", what, help);
    exit(EXIT_USAGE);
}

static enum abuse_mode mode_of(const char *name)
{
    static const char *const names[] = {
        [ABUSE_FUZZ] = "fuzz", [ABUSE_SEND] = "send", [ABUSE_DRIP] = "drip", [ABUSE_HOLD] = "hold"};

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum abuse_mode)i;
        }
    }
    refuse("a mode is fuzz, send, drip or hold");
}

static char *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(BYTES_MAX);

    if (file == NULL) {
        refuse("the file of --bytes cannot be read");
    }
    *len = fread(bytes, 1, BYTES_MAX, file);
    fclose(file);
    return bytes;
}

static void on_signal(int number)
{
    (void)number;
    client_stop();
}

static void print(const struct abuse_result *result)
{
    const char *comma = "";

    printf("{\"seconds\": %.3f, \"opened\": %" PRIu64 ", \"ended\": %" PRIu64
           ", \"open_max\": %" PRIu64 ", \"requests\": %" PRIu64 ", \"sent\": %" PRIu64
           ", \"received\": %" PRIu64 ", \"answers\": %" PRIu64 ", \"statuses\": {",
           result->seconds, result->opened, result->ended, result->open_max, result->requests,
           result->sent, result->received, result->statuses.answers);
    for (unsigned i = 0; i < STATUSES_MAX; i++) {
        if (result->statuses.counts[i] > 0) {
            printf("%s\"%03u\": %" PRIu64, comma, i, result->statuses.counts[i]);
            comma = ", ";
        }
    }
    printf("}}\n");
}

static void read_options(int count, char **words, struct abuse_options *out)
{
    static const struct option names[] = {
        {"port", required_argument, NULL, 'p'},        {"mode", required_argument, NULL, 'm'},
        {"connections", required_argument, NULL, 'c'}, {"seconds", required_argument, NULL, 's'},
        {"answers", required_argument, NULL, 'a'},     {"seed", required_argument, NULL, 'e'},
        {"bytes", required_argument, NULL, 'b'},       {"tick", required_argument, NULL, 't'},
        {"take", required_argument, NULL, 'k'},        {NULL, 0, NULL, 0},
    };
    bool has_mode = false;
    int name;

    while ((name = getopt_long(count, words, "", names, NULL)) != -1) {
        switch (name) {
        case 'p':
            out->address.sin_port = htons((uint16_t)strtoul(optarg, NULL, 10));
            break;
        case 'm':
            out->mode = mode_of(optarg);
            has_mode = true;
            break;
        case 'c':
            out->connections = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 's':
            out->seconds = strtod(optarg, NULL);
            break;
        case 'a':
            out->answers = strtoull(optarg, NULL, 10);
            break;
        case 'e':
            out->seed = strtoull(optarg, NULL, 10);
            break;
        case 'b':
            out->bytes = read_file(optarg, &out->bytes_len);
            break;
        case 't':
            out->tick = strtod(optarg, NULL);
            break;
        case 'k':
            out->take = (unsigned)strtoul(optarg, NULL, 10);
            break;
        default:
            refuse("an option that there is not");
        }
    }
    if (!has_mode || out->address.sin_port == 0 || out->connections == 0 ||
        out->connections > CONNECTIONS_MAX) {
        refuse("a port, a mode and 1 to 65536 connections are needed");
    }
}

/* A connection is a file descriptor; the soft limit is often 1024. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int count, char **words)
{
    struct abuse_options options = {
        .address = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}},
        .connections = 32,
        .seconds = 60,
        .answers = 1000000,
        .seed = 1,
        .tick = 1,
    };
    static struct abuse_result result;

    read_options(count, words, &options);
    signal(SIGTERM, on_signal);
    raise_file_limit();
    client_run(&options, &result);
    print(&result);
    free((void *)options.bytes);
    return 0;
}
