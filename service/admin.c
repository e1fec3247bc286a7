#include "service/admin.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/timestamp.h"
#include "service/metrics.h"
#include "service/plain.h"
#include "service/status_json.h"
#include "service/url.h"
#include "service/web.h"

struct admin {
    const struct server_options *options;
    struct status *status;
    struct access_log *access; /* or NULL */
    struct loop *loop;
    struct loop *const *loops; /* written before loop_count */
    atomic_uint loop_count;
    struct head_writer heads; /* this and the rest: of the loop's thread */
    struct status_view view;
};

enum { BODY_SIZE_MAX = 16 << 20 }; /* /metrics of a thousand routes */

static const char allow[] = "Allow: GET, HEAD\r\n";

/* The page is what came with the program, and asks nobody but this listener. */
static const char page_lines[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src "
    "'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cache-Control: no-cache\r\n";

/* Each writes a body and returns the status. */
static unsigned write_health(struct admin *admin, struct buffer *out)
{
    (void)admin;
    buffer_append_str(out, "ok\n");
    return 200;
}

static unsigned write_readiness(struct admin *admin, struct buffer *out)
{
    size_t before = out->len;

    status_read(admin->status, timestamp_now_ms(), &admin->view);
    status_reasons(&admin->view, out);
    if (out->len > before) {
        return 503;
    }
    buffer_append_str(out, "ready\n");
    status_remarks(&admin->view, out);
    return 200;
}

static unsigned write_metrics(struct admin *admin, struct buffer *out)
{
    struct traffic traffic = {.connections = 0};
    struct vitals vitals;
    int64_t now_ms = timestamp_now_ms();
    unsigned count = atomic_load(&admin->loop_count);

    for (unsigned i = 0; i < count; i++) {
        loop_add_traffic(admin->loops[i], &traffic);
    }
    if (admin->access != NULL) {
        access_log_look(admin->access, &traffic.log_lines, &traffic.log_dropped);
    }
    status_read(admin->status, now_ms, &admin->view);
    vitals_look(admin->options, &vitals);
    metrics_write(&admin->view, &traffic, &vitals, now_ms, out);
    traffic_free(&traffic);
    return 200;
}

static unsigned write_status(struct admin *admin, struct buffer *out)
{
    status_read(admin->status, timestamp_now_ms(), &admin->view);
    status_json_write(&admin->view, out);
    return 200;
}

static const struct page {
    const char *path;
    enum body_type type;
    unsigned (*write)(struct admin *admin, struct buffer *out);
    const char *file; /* instead of `write`: of web.h */
} pages[] = {
    {"/healthz", BODY_TEXT, write_health, NULL},
    {"/readyz", BODY_TEXT, write_readiness, NULL},
    {"/metrics", BODY_METRICS, write_metrics, NULL},
    {"/status.json", BODY_JSON, write_status, NULL},
    {"/", BODY_HTML, NULL, "status.html"},
    {"/status.css", BODY_CSS, NULL, "status.css"},
    {"/status.js", BODY_SCRIPT, NULL, "status.js"},
};

static void append_file(const char *name, struct buffer *out)
{
    for (const struct web_file *at = web_files; at->name != NULL; at++) {
        if (strcmp(at->name, name) == 0) {
            buffer_append(out, at->ptr, at->size);
        }
    }
}

static const struct page *find_page(struct slice path)
{
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (slice_is(path, pages[i].path)) {
            return &pages[i];
        }
    }
    return NULL;
}

static struct later *on_request(void *context, const struct request *request, struct buffer *out)
{
    struct admin *admin = context;
    const struct page *page = find_page(url_split(request->target).path);
    struct buffer body;
    struct head head;

    if (page == NULL) {
        plain_answer(&admin->heads, request, 404,
                     slice_str("Error: not found; there are /, /healthz, /readyz and /metrics\n"),
                     NULL, out);
        return NULL;
    }
    if (request->method != METHOD_GET && request->method != METHOD_HEAD) {
        plain_answer(&admin->heads, request, 405, slice_str("Error: method not allowed\n"), allow,
                     out);
        return NULL;
    }
    buffer_init(&body, BODY_SIZE_MAX);
    head = plain_head(request, 200, page->type, NULL);
    if (page->file != NULL) {
        head.extra = page_lines;
        append_file(page->file, &body);
    } else {
        head.status = page->write(admin, &body);
    }
    plain_append(&admin->heads, &head, buffer_slice(&body), request->method != METHOD_HEAD, out);
    buffer_free(&body);
    return NULL;
}

static void on_refusal(void *context, unsigned status, struct slice id, struct buffer *out)
{
    struct admin *admin = context;
    struct head head = {.status = status, .type = BODY_TEXT, .is_close = true, .id = id};

    plain_append(&admin->heads, &head, slice_str("Error: bad request\n"), true, out);
}

enum err admin_open(int listen_fd, const struct server_options *options, struct status *status,
                    struct access_log *access, struct admin **out, struct errmsg *msg)
{
    struct admin *admin = memory_calloc(1, sizeof *admin);
    struct bounds bounds = bounds_usual();
    enum err rc;

    bounds.connections = ADMIN_CONNECTIONS_MAX;
    admin->options = options;
    admin->status = status;
    admin->access = access;
    atomic_init(&admin->loop_count, 0);
    head_writer_init(&admin->heads);
    admin->heads.is_private = true;
    rc = loop_open_with(
        listen_fd, &bounds,
        &(struct loop_answers){.request = on_request, .refusal = on_refusal, .context = admin},
        &admin->loop, msg);
    if (rc == ERR_NONE) {
        rc = loop_start(admin->loop, msg);
    }
    if (rc != ERR_NONE) {
        admin_close(admin);
        return rc;
    }
    *out = admin;
    return ERR_NONE;
}

void admin_set_loops(struct admin *admin, struct loop *const *loops, unsigned count)
{
    admin->loops = loops;
    atomic_store(&admin->loop_count, count);
}

void admin_stop(struct admin *admin)
{
    if (admin != NULL && admin->loop->has_thread) {
        loop_stop(admin->loop);
    }
}

void admin_close(struct admin *admin)
{
    if (admin == NULL) {
        return;
    }
    if (admin->loop != NULL) {
        admin_stop(admin);
        loop_join(admin->loop);
        loop_close(admin->loop);
    }
    head_writer_free(&admin->heads);
    free(admin);
}
