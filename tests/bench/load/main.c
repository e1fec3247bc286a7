/*
 * load: HTTP load for the benches, at a constant rate (open loop) or as fast as it goes (closed).
 * client.h says how latencies are counted, mix.h what can be asked for, load --help the rest.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "client.h"
#include "report.h"

enum { SECONDS_MAX = 3600 };

struct options {
    struct client_options client;
    const char *keys; /* of the paths that follow */
    uint64_t seed;
    bool as_table;
};

static const char usage[] =
    "Usage: load --port PORT (--path PATH... | --mix FILE) [OPTIONS]\n"
    "\n"
    "  --host IPV4        where the server is (127.0.0.1)\n"
    "  --port PORT        its port\n"
    "  --keys FROM-TO     what %d stands for in the paths that follow\n"
    "  --path PATH        a path, or @FILE: one of its lines; several: each as often\n"
    "  --mix FILE         routes with weights, a line each: WEIGHT NAME PATH [FROM-TO]\n"
    "  --in-turn          paths and keys one after the other, not at random\n"
    "  --bodies FILE      POST, each time one of its lines, instead of GET\n"
    "  --connections N    kept alive, one request at a time on each (64)\n"
    "  --fresh            a connection of its own for each request, opened when it is due\n"
    "  --rate N           requests a second, due at fixed instants; without: a closed loop\n"
    "  --seconds S        how long (5; 0: an hour); SIGTERM ends it earlier\n"
    "  --requests N       at most so many\n"
    "  --timeout S        from sending to the end of an answer (5)\n"
    "  --seed N           of the random numbers (1)\n"
    "  --table            print a table, not JSON\n"
    "\n"
    "Exit codes: 0 the run ended (its errors are counted), 1 nobody listens, 2 wrong usage.\n";

static void on_signal(int number)
{
    (void)number;
    client_stop();
}

static _Noreturn void refuse(const char *what)
{
    fprintf(stderr, "load: %s; see load --help\n", what);
    exit(2);
}

static double number_of(const char *text)
{
    char *end;
    double number = strtod(text, &end);

    if (end == text || *end != '\0' || !(number >= 0)) {
        refuse("a number of 0 or more is wanted");
    }
    return number;
}

static const struct option known[] = {
    {"host", required_argument, NULL, 'h'},
    {"port", required_argument, NULL, 'p'},
    {"keys", required_argument, NULL, 'k'},
    {"path", required_argument, NULL, 'a'},
    {"mix", required_argument, NULL, 'm'},
    {"in-turn", no_argument, NULL, 't'},
    {"bodies", required_argument, NULL, 'b'},
    {"connections", required_argument, NULL, 'c'},
    {"fresh", no_argument, NULL, 'f'},
    {"rate", required_argument, NULL, 'r'},
    {"seconds", required_argument, NULL, 's'},
    {"requests", required_argument, NULL, 'n'},
    {"timeout", required_argument, NULL, 'o'},
    {"seed", required_argument, NULL, 'e'},
    {"table", no_argument, NULL, 'T'},
    {"help", no_argument, NULL, 'H'},
    {NULL, 0, NULL, 0},
};

/* What belongs to the mix; false: another option. */
static bool take_mix_option(struct options *options, struct mix *mix, int option)
{
    switch (option) {
    case 'k':
        options->keys = optarg;
        return true;
    case 'a':
        mix_add(mix, 1, strlen(optarg) <= MIX_NAME_MAX ? optarg : "path", optarg,
                strstr(optarg, "%d") != NULL ? options->keys : NULL);
        return true;
    case 'm':
        mix_read(mix, optarg);
        return true;
    case 't':
        mix->is_in_turn = true;
        return true;
    case 'b':
        mix_read_bodies(mix, optarg);
        return true;
    default:
        return false;
    }
}

static void take_option(struct options *options, int option)
{
    struct client_options *client = &options->client;

    switch (option) {
    case 'h':
        if (inet_pton(AF_INET, optarg, &client->address.sin_addr) != 1) {
            refuse("--host is an IPv4 address");
        }
        break;
    case 'p':
        client->address.sin_port = htons((uint16_t)number_of(optarg));
        break;
    case 'c':
        client->connections = (unsigned)number_of(optarg);
        break;
    case 'f':
        client->is_fresh = true;
        break;
    case 'r':
        client->rate = number_of(optarg);
        break;
    case 's':
        client->seconds = number_of(optarg);
        break;
    case 'n':
        client->requests_max = (uint64_t)number_of(optarg);
        break;
    case 'o':
        client->timeout = number_of(optarg);
        break;
    case 'e':
        options->seed = (uint64_t)number_of(optarg);
        break;
    case 'T':
        options->as_table = true;
        break;
    case 'H':
        fputs(usage, stdout);
        exit(0);
    default:
        fputs(usage, stderr);
        exit(2);
    }
}

static void parse(struct options *options, struct mix *mix, int argc, char **argv)
{
    struct client_options *client = &options->client;
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (!take_mix_option(options, mix, option)) {
            take_option(options, option);
        }
    }
    if (optind != argc || mix->route_count == 0 || client->address.sin_port == 0) {
        refuse("a port, and paths or a mix, are needed");
    }
    if (client->connections < 1 || client->connections > CLIENT_CONNECTIONS_MAX) {
        refuse("1 to 4096 connections");
    }
    if (client->seconds <= 0 || client->seconds > SECONDS_MAX) {
        client->seconds = SECONDS_MAX;
    }
    mix_seed(mix, options->seed);
    snprintf(mix->host, sizeof mix->host, "localhost:%u", ntohs(client->address.sin_port));
}

static double cpu_seconds(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    static struct mix mix;
    static struct tally tally;
    struct options options = {
        .client = {.address.sin_family = AF_INET, .connections = 64, .seconds = 5, .timeout = 5},
        .seed = 1};
    struct client *client;
    struct report report = {.mix = &mix, .tally = &tally};
    double began;

    options.client.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    parse(&options, &mix, argc, argv);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    prctl(PR_SET_TIMERSLACK, 1UL); /* wakes when a request is due, not up to 50 us later */
    client = client_open(&options.client, &mix, &tally);
    began = cpu_seconds();
    report.seconds = client_run(client);
    report.cpu_seconds = cpu_seconds() - began;
    report.rate = options.client.rate;
    client_free(client);
    if (options.as_table) {
        report_table(&report);
    } else {
        report_json(&report);
    }
    mix_free(&mix);
    return 0;
}
