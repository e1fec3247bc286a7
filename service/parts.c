#include "service/parts.h"

#include "service/etag.h"
#include "service/page.h"

struct part {
    struct ask ask;
    struct page page;
};

/* What concerns the key alone belongs to any part. */
static bool is_neutral(enum template_kind kind)
{
    return kind == TEMPLATE_LITERAL || kind == TEMPLATE_KEY || kind == TEMPLATE_KEY_TEXT;
}

/* How many of the COUNT template parts are one run; *PART is whose. A document stands alone. */
static unsigned run_length(const struct template_part *parts, unsigned count, unsigned *part)
{
    unsigned len = 1;
    bool is_owned = !is_neutral(parts[0].kind);

    *part = is_owned ? parts[0].part : 0;
    while (len < count && parts[0].kind != TEMPLATE_ROW && parts[len].kind != TEMPLATE_ROW) {
        const struct template_part *next = &parts[len];

        if (!is_neutral(next->kind)) {
            if (is_owned && next->part != *part) {
                break;
            }
            is_owned = true;
            *part = next->part;
        }
        len++;
    }
    return len;
}

void parts_compile(struct parts_program *program, const struct route *route, struct arena *arena)
{
    struct template_part *parts = route->answer.parts;

    program->rows = arena_calloc(arena, route->part_count, sizeof *program->rows);
    program->vectors = arena_calloc(arena, route->part_count, sizeof *program->vectors);
    for (unsigned i = 0; i < route->part_count; i++) {
        const struct route *part = &route->parts[i].route;

        program_compile(&program->rows[i], &part->row, NULL, part->collection, arena);
    }
    program->runs = arena_calloc(arena, route->answer.count, sizeof *program->runs);
    for (unsigned at = 0; at < route->answer.count;) {
        struct parts_run *run = &program->runs[program->run_count++];
        struct template template = {.parts = parts + at};
        const struct route *part;

        template.count = run_length(template.parts, route->answer.count - at, &run->part);
        part = &route->parts[run->part].route;
        run->is_document = template.parts[0].kind == TEMPLATE_ROW;
        program_compile(&run->program, &template, &part->row, part->collection, arena);
        program->vectors[run->part] |= run->program.vectors;
        at += template.count;
    }
}

enum err parts_open(const struct parts_program *program, const struct route *route,
                    const struct route_match *match, struct slice query, const struct ask *ask,
                    struct reader *reader, struct arena *arena, struct parts *out,
                    const struct failure **missing, struct errmsg *msg)
{
    *missing = NULL;
    out->program = program;
    out->all = arena_alloc(arena, route->part_count * sizeof *out->all);
    for (out->count = 0; out->count < route->part_count; out->count++) {
        struct part *part = &out->all[out->count];
        const struct route *own = &route->parts[out->count].route;
        enum err rc;

        part->ask.key = ask->key;
        part->ask.key_text = ask->key_text;
        ask_read_page(own, match, query, arena, &part->ask);
        part->page.reader = reader;
        part->page.route = own;
        part->page.row = &program->rows[out->count];
        part->page.ask = &part->ask;
        part->page.arena = arena;
        rc = page_open(&part->page, msg);
        if (rc != ERR_NONE) {
            return rc;
        }
        if (!part->page.found && own->missing.status != 0) {
            *missing = &own->missing;
            return ERR_NONE;
        }
    }
    return ERR_NONE;
}

/* Each part's tag is the seed of the next one's. */
uint64_t parts_etag(const struct parts *parts, uint64_t seed)
{
    uint64_t etag = seed;

    for (unsigned i = 0; i < parts->count; i++) {
        const struct part *part = &parts->all[i];

        etag = etag_of_key(etag, &part->ask, part->page.found,
                           part->page.found ? part->page.group.content_hash : 0);
    }
    return etag;
}

enum err parts_append(const struct parts *parts, struct buffer *out, struct errmsg *msg)
{
    const struct parts_program *program = parts->program;
    enum err rc = ERR_NONE;

    for (unsigned i = 0; i < parts->count && rc == ERR_NONE; i++) {
        rc = page_read(&parts->all[i].page, program->vectors[i], msg);
    }
    for (unsigned i = 0; i < program->run_count && rc == ERR_NONE; i++) {
        const struct parts_run *run = &program->runs[i];
        const struct page *page = &parts->all[run->part].page;

        if (run->is_document && !page->found) {
            buffer_append_str(out, "null");
        } else {
            rc = program_run(&run->program, &page->view, out, msg);
        }
    }
    return rc;
}
