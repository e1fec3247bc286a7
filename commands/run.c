/*
 * vitrine run: the embedded default. A supervisor made of child processes of this same program, so
 * that a crash of the builder never takes the service down:
 *
 *   no data yet?   [generate ->] import     into FILE.importing, renamed when it is complete
 *   always         build                    once; ends at once when nothing changed
 *   and then       serve  +  build --every  kept alive until SIGINT or SIGTERM
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "commands/accept.h"
#include "commands/address.h"
#include "commands/children.h"
#include "commands/commands.h"
#include "commands/examples.h"
#include "commands/run.h"
#include "definition/definition.h"
#include "replica/signing_key.h"
#include "service/rate.h"

enum {
    ANSWER_POLL_MS = 20,
    ANSWER_WAIT_MS = 600000, /* a large release is opened and warmed first */
    TEXT_MAX = 32,
    BLOCK_MAX = 64 * 1024,
};

static const struct option options[] = {
    OPTION_REQUIRED("definition", "FILE", struct run_options, definition,
                    "the definition (YAML) of what is served"),
    OPTION_REQUIRED("source", "URL", struct run_options, source,
                    "the source of truth: sqlite:FILE or postgres://..."),
    OPTION_REQUIRED("root", "DIR", struct run_options, root,
                    "the folder with releases/ and current"),
    OPTION_TEXT("data", "DIR", NULL, struct run_options, data,
                "CSV exports to import when the source does not exist yet; without it, sample "
                "exports are generated"),
    OPTION_INTEGER("scale", "N", "2000", 1, INT64_MAX, struct run_options, scale,
                   "how much sample data is generated"),
    OPTION_TEXT("listen", "HOST:PORT", "127.0.0.1:8080", struct run_options, listen,
                "where requests are answered"),
    OPTION_TEXT("admin", "HOST:PORT", NULL, struct run_options, admin,
                "where /healthz, /readyz, /metrics and a status page (/) are answered; by default "
                "nowhere"),
    OPTION_DURATION("every", "TIME", "2s", struct run_options, every_ms,
                    "how often the source is asked for changes"),
    OPTION_INTEGER("threads", "N", NULL, 1, 256, struct run_options, threads,
                   "event loops of the service; by default one a core"),
    OPTION_SIZE("body-size", "SIZE", "64K", struct run_options, body_size,
                "the largest body of a request, at most 1M; larger ones are answered 413"),
    OPTION_INTEGER("write-rate", "N", "50", 0, RATE_MAX, struct run_options, write_rate,
                   "writes a second for each client address; 0: any number"),
    OPTION_TEXT("accept", "NAME[,NAME]", NULL, struct run_options, accept,
                "checks that the first build leaves out: empty, shrink, growth, requests"),
    OPTION_TEXT("sign", "KEY", NULL, struct run_options, sign,
                "sign releases with this secret key of vitrine keygen"),
    OPTION_END,
};

static void init_build(struct child *child, const struct run_options *o)
{
    child_init(child, "build");
    child_add(child, "--definition", o->definition);
    child_add(child, "--source", o->source);
    child_add(child, "--root", o->root);
    if (o->sign != NULL) {
        child_add(child, "--sign", o->sign);
    }
}

/* A release that is there already is served even when the source cannot be built from today. */
static enum err build_once(const struct run_options *o, struct errmsg *msg)
{
    char *current = path_join(o->root, "current");
    struct child child;
    enum err rc;

    init_build(&child, o);
    if (o->accept != NULL) {
        child_add(&child, "--accept", o->accept);
    }
    rc = child_run(&child, msg);
    if (rc != ERR_NONE && rc != ERR_INTERRUPTED && file_exists(current)) {
        log_warn("build_failed", "reason=\"%s\" serving=\"the release that is there\"", msg->text);
        rc = ERR_NONE;
    }
    free(current);
    return rc;
}

static enum err wait_for_answer(struct child *serve, const char *address, struct errmsg *msg)
{
    int64_t deadline_ms = monotonic_ms() + ANSWER_WAIT_MS;

    while (!address_answers(address)) {
        char end[64];
        bool stop;

        if (child_reap(serve)) {
            return err_set(msg, ERR_SYSTEM, "vitrine serve ended with %s before it answered",
                           child_describe_end(serve, end, sizeof end));
        }
        if (monotonic_ms() > deadline_ms) {
            return err_set(msg, ERR_SYSTEM, "vitrine serve did not answer at %s within %d s",
                           address, ANSWER_WAIT_MS / 1000);
        }
        children_wait(ANSWER_POLL_MS, &stop);
        if (stop) {
            return err_set(msg, ERR_INTERRUPTED, "stopped before vitrine serve answered");
        }
    }
    return ERR_NONE;
}

static void announce(const struct run_options *o, const struct definition *definition)
{
    unsigned routes[EXAMPLES_MAX];
    unsigned count = examples_pick(definition, routes);
    struct buffer block;
    struct buffer url;
    bool is_pattern = false;

    buffer_init(&block, BLOCK_MAX);
    buffer_init(&url, BLOCK_MAX);
    address_url(o->listen, &url);
    buffer_printf(&block, "\nVitrine serves %.*s at %s. Try:\n\n", SLICE_ARG(definition->name),
                  buffer_str(&url));
    for (unsigned i = 0; i < count; i++) {
        buffer_printf(&block, "  %s", buffer_str(&url));
        examples_write(&definition->routes[routes[i]], &block);
        buffer_append_byte(&block, '\n');
        is_pattern = is_pattern || examples_is_pattern(&definition->routes[routes[i]]);
    }
    if (is_pattern) {
        buffer_append_str(&block, "\nWrite a key of yours in place of :NAME or \"...\".\n");
    }
    buffer_append_str(&block, "\nCtrl-C stops it.\n\n");
    fputs(buffer_str(&block), stdout);
    fflush(stdout);
    buffer_free(&url);
    buffer_free(&block);
}

/* Serves until somebody asks to stop. */
/* Numbers of a command line, which outlive its child. */
struct texts {
    char threads[TEXT_MAX];
    char write_rate[TEXT_MAX];
    char body_size[TEXT_MAX];
    char every[TEXT_MAX];
};

static void init_service(struct child *child, const struct run_options *o, struct texts *texts)
{
    snprintf(texts->threads, sizeof texts->threads, "%" PRId64, o->threads);
    snprintf(texts->write_rate, sizeof texts->write_rate, "%" PRId64, o->write_rate);
    snprintf(texts->body_size, sizeof texts->body_size, "%" PRId64, o->body_size);
    child_init(child, "serve");
    child_add(child, "--root", o->root);
    child_add(child, "--listen", o->listen);
    child_add(child, "--source", o->source);
    child_add(child, "--write-rate", texts->write_rate);
    child_add(child, "--body-size", texts->body_size);
    if (o->admin != NULL) {
        child_add(child, "--admin", o->admin);
    }
    if (o->threads > 0) {
        child_add(child, "--threads", texts->threads);
    }
}

static enum err serve(const struct run_options *o, const struct definition *definition,
                      struct errmsg *msg)
{
    struct texts texts;
    struct child service;
    struct child builder;
    struct child *const children[] = {&service, &builder};
    enum err rc;
    bool stop = false;

    snprintf(texts.every, sizeof texts.every, "%" PRId64 "ms", o->every_ms);
    init_build(&builder, o);
    child_add(&builder, "--every", texts.every);
    init_service(&service, o, &texts);
    rc = child_start(&service, msg);
    if (rc == ERR_NONE) {
        rc = wait_for_answer(&service, o->listen, msg);
    }
    if (rc == ERR_NONE) {
        rc = child_start(&builder, msg);
    }
    if (rc == ERR_NONE) {
        announce(o, definition);
    }
    while (rc == ERR_NONE && !stop) {
        children_wait(children_keep(children, 2), &stop);
    }
    children_stop(children, 2);
    return rc;
}

/* What the builder would stumble over later, before anything is started. */
static enum err check_options(const struct run_options *o, struct errmsg *msg)
{
    struct signing_key *key = NULL;
    unsigned accepted;
    enum err rc = accept_parse(o->accept, &accepted, msg);

    if (rc == ERR_NONE && o->sign != NULL) {
        rc = signing_key_read(o->sign, &key, msg);
    }
    signing_key_free(key);
    return rc;
}

static enum err supervise(const struct run_options *o, struct errmsg *msg)
{
    struct definition *definition = NULL;
    enum err rc = check_options(o, msg);

    if (rc == ERR_NONE) {
        rc = definition_load(o->definition, &definition, msg);
    }
    if (rc != ERR_NONE) {
        return rc;
    }
    rc = o->every_ms > 0 ? address_check_free(o->listen, msg)
                         : err_set(msg, ERR_USAGE, "--every: the pause must be longer than 0");
    if (rc == ERR_NONE) {
        rc = dir_make(o->root, msg);
    }
    children_begin();
    if (rc == ERR_NONE) {
        rc = run_prepare_source(o, definition, msg);
    }
    if (rc == ERR_NONE) {
        rc = build_once(o, msg);
    }
    if (rc == ERR_NONE) {
        rc = serve(o, definition, msg);
    }
    if (rc == ERR_INTERRUPTED) {
        log_info("run_stopped", "reason=\"%s\"", msg->text);
        rc = ERR_NONE; /* doing what was asked is no failure */
    }
    definition_free(definition);
    return rc;
}

static enum err work(void *data, const struct arguments *arguments, struct errmsg *msg)
{
    const struct run_options *given = data;

    (void)arguments;
    return supervise(given, msg);
}

const struct command command_run = {
    .name = "run",
    .usage = "--definition FILE --source URL --root DIR [options]",
    .about = "imports, builds and serves in one: the embedded default",
    .description =
        "Makes sample data, or imports --data, when the SQLite file of the source does not exist "
        "yet; builds a release, serves it, and rebuilds when the source changes. A source that "
        "is there is taken as it is, and gets the tables that writes need (vitrine_answers, "
        "vitrine_writes); an SQLite file is put in WAL mode. Builder and service are processes "
        "of their own, restarted when they die and stopped with this one.",
    .options = options,
    .least_arguments = 0,
    .most_arguments = 0,
    .given_size = sizeof(struct run_options),
    .work = work,
};
