/*
 * vitrine serve: answers requests from the release that a root leads to.
 */
#include <string.h>

#include "base/options.h"
#include "commands/commands.h"
#include "commands/repair_options.h"
#include "commands/trust_options.h"
#include "service/cold.h"
#include "service/rate.h"
#include "service/server.h"

enum {
    TIMEOUT_MIN_MS = 1000, /* they are looked at once a second */
    TIMEOUT_MAX_MS = 24 * 3600 * 1000,
    ANSWER_SIZE_MIN = 1 << 10,
    HELD_ANSWERS_MIN = 2, /* one client alone must not be too much */
};

struct serve_options {
    const char *root;
    const char *listen;
    int64_t threads; /* 0: one a core */
    int64_t connections;
    int64_t body_size;
    int64_t connections_per_address;
    int64_t first_byte_timeout_ms;
    int64_t head_timeout_ms;
    int64_t body_timeout_ms;
    int64_t idle_timeout_ms;
    int64_t send_timeout_ms;
    int64_t answer_size;
    int64_t held_size;
    struct option_texts trust;
    bool no_verify;
    bool no_gzip;
    int64_t drain_ms;
    int64_t cold_threads;
    const char *admin;
    int64_t max_age_ms;
    const char *access_log;
    const char *access_log_format;
    int64_t access_log_sample;
    int64_t scrub;
    int64_t scrub_every_ms;
    const char *repair_from;
    const char *repair_ssh;
    int64_t repair_timeout_ms;
    const char *source;
    int64_t source_connections;
    int64_t write_timeout_ms;
    const char *primary;
    int64_t write_rate;
    struct option_texts trust_proxy;
};

static const struct option options[] = {
    OPTION_REQUIRED("root", "DIR", struct serve_options, root,
                    "the folder with releases/ and current"),
    OPTION_TEXT("listen", "HOST:PORT", "127.0.0.1:8080", struct serve_options, listen,
                "where requests are answered; port 0 takes a free one, systemd the socket that "
                "systemd passes"),
    OPTION_INTEGER("threads", "N", NULL, 1, SERVER_THREADS_MAX, struct serve_options, threads,
                   "event loops; by default one a core"),
    OPTION_INTEGER("connections", "N", "10000", 1, 1000000, struct serve_options, connections,
                   "open connections at a time; more are closed at once"),
    OPTION_SIZE("body-size", "SIZE", "64K", struct serve_options, body_size,
                "the largest body of a request, at most 1M; larger ones are answered 413"),
    OPTION_INTEGER("connections-per-address", "N", "1000", 0, 1000000, struct serve_options,
                   connections_per_address,
                   "of them from one client address; 0: any number. This machine and --trust-proxy "
                   "are not counted"),
    OPTION_DURATION("first-byte-timeout", "TIME", "10s", struct serve_options,
                    first_byte_timeout_ms, "for the first byte of a connection"),
    OPTION_DURATION("head-timeout", "TIME", "10s", struct serve_options, head_timeout_ms,
                    "for the address and headers of a request"),
    OPTION_DURATION("body-timeout", "TIME", "60s", struct serve_options, body_timeout_ms,
                    "for the body of a request"),
    OPTION_DURATION("idle-timeout", "TIME", "60s", struct serve_options, idle_timeout_ms,
                    "between two requests of a connection"),
    OPTION_DURATION("send-timeout", "TIME", "60s", struct serve_options, send_timeout_ms,
                    "for a client that takes nothing of its answer"),
    OPTION_SIZE("answer-size", "SIZE", "64M", struct serve_options, answer_size,
                "bytes of an answer's body at most, up to 64M; instead of a larger one: 500"),
    OPTION_SIZE("held-size", "SIZE", "256M", struct serve_options, held_size,
                "memory for answers that are not taken and requests that are not ended, of all "
                "connections; beyond it, those that hold most for longest are closed"),
    OPTION_INTEGER("cold-threads", "N", "2", 0, COLD_THREADS_MAX, struct serve_options,
                   cold_threads,
                   "threads that wait for the disk, so that event loops do not; 0: they do"),
    OPTION_TEXTS("trust", "PUB", struct serve_options, trust,
                 "serve only releases signed by a key in this file; see also DIR/trusted.pub"),
    OPTION_FLAG("no-verify", struct serve_options, no_verify,
                "serve a release without reading all of it first"),
    OPTION_FLAG("no-gzip", struct serve_options, no_gzip,
                "send answers as they are, also to clients that take gzip"),
    OPTION_DURATION(
        "drain", "TIME", "0s", struct serve_options, drain_ms,
        "from SIGTERM to the stop: /readyz fails, connections end with their next answer"),
    OPTION_TEXT("admin", "HOST:PORT", NULL, struct serve_options, admin,
                "where /healthz, /readyz, /metrics and a status page (/) are answered; by default "
                "nowhere"),
    OPTION_DURATION("max-age", "TIME", "0", struct serve_options, max_age_ms,
                    "/readyz refuses when the data is older than that; 0: whatever its age"),
    OPTION_TEXT("access-log", "FILE", NULL, struct serve_options, access_log,
                "a line a request goes there, or to standard output for \"-\"; SIGUSR1 opens it "
                "again"),
    OPTION_TEXT("access-log-format", "FORMAT", "text", struct serve_options, access_log_format,
                "how lines are written: text (key=value) or json"),
    OPTION_INTEGER("access-log-sample", "N", "1", 1, 1000000000, struct serve_options,
                   access_log_sample, "one line in N requests; errors always have theirs"),
    OPTION_SIZE("scrub", "RATE", "10M", struct serve_options, scrub,
                "bytes a second that are read again in the background to find damage; 0 does "
                "without"),
    OPTION_DURATION("scrub-every", "TIME", "1h", struct serve_options, scrub_every_ms,
                    "from one reading of all files to the next"),
    OPTION_TEXT("repair-from", "SOURCE", NULL, struct serve_options, repair_from,
                "the root that a file is fetched from when it is found damaged: " REPAIR_SOURCES),
    OPTION_TEXT("repair-ssh", "COMMAND", REPAIR_SSH_DEFAULT, struct serve_options, repair_ssh,
                REPAIR_SSH_ABOUT),
    OPTION_DURATION("repair-timeout", "TIME", REPAIR_TIMEOUT_DEFAULT, struct serve_options,
                    repair_timeout_ms, REPAIR_TIMEOUT_ABOUT),
    OPTION_TEXT("source", "URL", NULL, struct serve_options, source,
                "where writes go: sqlite:FILE or postgres://...; without it they are answered 503"),
    OPTION_INTEGER("source-connections", "N", "16", 1, WRITER_CONNECTIONS_MAX, struct serve_options,
                   source_connections, "connections to a PostgreSQL source"),
    OPTION_DURATION("write-timeout", "TIME", "5s", struct serve_options, write_timeout_ms,
                    "how long a write may take, waiting included, before it is answered 503"),
    OPTION_TEXT("primary", "URL", NULL, struct serve_options, primary,
                "forward writes to the node at http://HOST:PORT, which has the source"),
    OPTION_INTEGER("write-rate", "N", "50", 0, RATE_MAX, struct serve_options, write_rate,
                   "writes a second for each client address, twice as many at once; 0: any number"),
    OPTION_TEXTS("trust-proxy", "CIDR", struct serve_options, trust_proxy,
                 "believe X-Forwarded-For of these addresses, as in 10.0.0.0/8"),
    OPTION_END,
};

/* Without --repair-from nothing is repaired. */
static enum err read_repair(const struct serve_options *o, struct repair_options *out,
                            struct errmsg *msg)
{
    *out = (struct repair_options){.source = {.fetch = NULL}};
    return o->repair_from == NULL
               ? ERR_NONE
               : repair_options_read(o->repair_from, o->repair_ssh, o->repair_timeout_ms,
                                     "--repair-timeout", out, msg);
}

/* Where writes go to, and whose address a client has. */
static enum err read_writes(const struct serve_options *o, struct primary *primary,
                            struct proxies *proxies, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    if (o->source != NULL && o->primary != NULL) {
        return err_set(msg, ERR_USAGE,
                       "--source and --primary: a node writes itself or forwards; give one");
    }
    if (o->primary != NULL) {
        rc = primary_parse(o->primary, primary, msg);
    }
    for (unsigned i = 0; i < o->trust_proxy.count && rc == ERR_NONE; i++) {
        rc = proxies_trust(proxies, o->trust_proxy.items[i], msg);
    }
    return rc;
}

static enum err read_bounds(const struct serve_options *o, struct bounds *out, struct errmsg *msg)
{
    const struct {
        const char *name;
        int64_t ms;
    } times[] = {
        {"--first-byte-timeout", o->first_byte_timeout_ms},
        {"--head-timeout", o->head_timeout_ms},
        {"--body-timeout", o->body_timeout_ms},
        {"--idle-timeout", o->idle_timeout_ms},
        {"--send-timeout", o->send_timeout_ms},
    };

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        if (times[i].ms < TIMEOUT_MIN_MS || times[i].ms > TIMEOUT_MAX_MS) {
            return err_set(msg, ERR_USAGE, "%s: write 1s to 24h", times[i].name);
        }
    }
    if (o->answer_size < ANSWER_SIZE_MIN || o->answer_size > BOUNDS_ANSWER_MAX) {
        return err_set(msg, ERR_USAGE, "--answer-size: write 1K to 64M");
    }
    if (o->held_size < HELD_ANSWERS_MIN * o->answer_size) {
        return err_set(msg, ERR_USAGE, "--held-size: write at least %d times --answer-size",
                       HELD_ANSWERS_MIN);
    }
    if (o->body_size > HTTP_BODY_MAX) {
        return err_set(msg, ERR_USAGE, "--body-size is 1M at most");
    }
    *out = (struct bounds){
        .connections = (unsigned)o->connections,
        .first_ms = o->first_byte_timeout_ms,
        .head_ms = o->head_timeout_ms,
        .body_ms = o->body_timeout_ms,
        .idle_ms = o->idle_timeout_ms,
        .send_ms = o->send_timeout_ms,
        .body_size = (uint32_t)o->body_size,
        .answer_size = (size_t)o->answer_size,
    };
    return ERR_NONE;
}

static enum err read_access(const struct serve_options *o, struct access_log_options *out,
                            struct errmsg *msg)
{
    *out = (struct access_log_options){
        .path = o->access_log,
        .is_json = strcmp(o->access_log_format, "json") == 0,
        .sample = (unsigned)o->access_log_sample,
    };
    return out->is_json || strcmp(o->access_log_format, "text") == 0
               ? ERR_NONE
               : err_set(msg, ERR_USAGE, "--access-log-format: \"%s\" is neither text nor json",
                         o->access_log_format);
}

/* What options mean that are more than a number or a name. */
struct read_options {
    struct repair_options repair;
    struct bounds bounds;
    struct access_log_options access;
    struct trust trust;
    struct primary primary;
    struct proxies proxies;
};

/* repair_options_free(&OUT->repair) is the caller's, whatever is returned. */
static enum err read_options(const struct serve_options *o, struct read_options *out,
                             struct errmsg *msg)
{
    enum err rc = read_repair(o, &out->repair, msg);

    out->proxies = (struct proxies){.count = 0};
    if (rc == ERR_NONE) {
        rc = read_bounds(o, &out->bounds, msg);
    }
    if (rc == ERR_NONE) {
        rc = read_access(o, &out->access, msg);
    }
    if (rc == ERR_NONE) {
        rc = trust_from_options(&o->trust, &out->trust, msg);
    }
    return rc == ERR_NONE ? read_writes(o, &out->primary, &out->proxies, msg) : rc;
}

static enum err serve(const struct serve_options *o, const struct read_options *given,
                      struct errmsg *msg)
{
    const struct writer_options writer = {
        .url = o->source,
        .connections = (unsigned)o->source_connections,
        .timeout_ms = o->write_timeout_ms,
    };
    const struct server_options server = {
        .version = VITRINE_VERSION,
        .root = o->root,
        .listen = o->listen,
        .threads = (unsigned)o->threads,
        .bounds = given->bounds,
        .connections_per_address = (unsigned)o->connections_per_address,
        .cold_threads = (unsigned)o->cold_threads,
        .check = {.verify = !o->no_verify, .trust = &given->trust, .root = o->root},
        .held_size = (size_t)o->held_size,
        .no_gzip = o->no_gzip,
        .drain_ms = o->drain_ms,
        .admin = o->admin,
        .max_age_ms = o->max_age_ms,
        .access = given->access,
        .scrub_bytes_per_second = (uint64_t)o->scrub,
        .scrub_every_ms = o->scrub_every_ms,
        .source = o->source != NULL ? &writer : NULL,
        .primary = o->primary != NULL ? &given->primary : NULL,
        .forward_timeout_ms = o->write_timeout_ms,
        .write_rate = (unsigned)o->write_rate,
        .proxies = given->proxies,
        .repair = o->repair_from != NULL ? &given->repair.source : NULL,
    };

    return server_run(&server, msg);
}

static enum err work(void *data, const struct arguments *arguments, struct errmsg *msg)
{
    const struct serve_options *o = data;
    struct read_options given;
    enum err rc = read_options(o, &given, msg);

    (void)arguments;
    if (rc == ERR_NONE) {
        rc = serve(o, &given, msg);
    }
    repair_options_free(&given.repair);
    return rc;
}

const struct command command_serve = {
    .name = "serve",
    .usage = "--root DIR [options]",
    .about = "answers requests from the release that a root leads to",
    .description =
        "Serves DIR/current, and changes to another release between two requests when "
        "that link leads to one; SIGHUP has it look at once, SIGUSR1 only opens the access log "
        "again. With --source the routes that write run on the source, each in a transaction. "
        "SIGTERM and SIGINT end it after the requests that were read, with --drain that much "
        "later.",
    .options = options,
    .given_size = sizeof(struct serve_options),
    .work = work,
};
