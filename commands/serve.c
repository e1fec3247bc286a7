/*
 * vitrine serve: answers requests from the release that a root leads to.
 */
#include "base/options.h"
#include "commands/commands.h"
#include "service/server.h"

struct serve_options {
    const char *root;
    const char *listen;
    int64_t threads; /* 0: one a core */
    int64_t connections;
    bool no_verify;
};

static const struct option options[] = {
    OPTION_REQUIRED("root", "DIR", struct serve_options, root,
                    "the folder with releases/ and current"),
    OPTION_TEXT("listen", "HOST:PORT", "127.0.0.1:8080", struct serve_options, listen,
                "where requests are answered; port 0 takes a free one"),
    OPTION_INTEGER("threads", "N", NULL, 1, SERVER_THREADS_MAX, struct serve_options, threads,
                   "event loops; by default one a core"),
    OPTION_INTEGER("connections", "N", "10000", 1, 1000000, struct serve_options, connections,
                   "open connections at a time; more are closed at once"),
    OPTION_FLAG("no-verify", struct serve_options, no_verify,
                "serve a release without reading all of it first"),
    OPTION_END,
};

static int run(const struct command *command, int argc, char **argv)
{
    struct serve_options o = {.root = NULL};
    struct arguments arguments;
    struct errmsg msg;
    enum err rc;
    bool done;
    int code = options_begin(command, argc, argv, &o, &arguments, &done);

    if (done) {
        return code;
    }
    rc = server_run(
        &(struct server_options){
            .root = o.root,
            .listen = o.listen,
            .threads = (unsigned)o.threads,
            .connections = (unsigned)o.connections,
            .verify = !o.no_verify,
        },
        &msg);
    return options_end(command, rc, &msg);
}

const struct command command_serve = {
    .name = "serve",
    .usage = "--root DIR [options]",
    .about = "answers requests from the release that a root leads to",
    .description =
        "Serves DIR/current, and changes to another release between two requests when "
        "that link leads to one; SIGHUP has it look at once. SIGTERM and SIGINT end it after "
        "the requests that were read.",
    .options = options,
    .run = run,
};
