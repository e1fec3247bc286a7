#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/number.h"
#include "source/source_postgres.h"

/* ---- where parameters are ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A byte of a name; bytes beyond ASCII are letters to PostgreSQL. */
static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           ((unsigned char)c & 0x80) != 0;
}

/* Each skip function begins at what it is named for and ends behind it, or at the end of SQL. */

static const char *skip_quoted(const char *p, bool has_escapes)
{
    char quote = *p++;

    while (*p != '\0' && *p != quote) {
        p += has_escapes && *p == '\\' && p[1] != '\0' ? 2 : 1;
    }
    return *p == '\0' ? p : p + 1; /* a doubled quote begins the next one */
}

static const char *skip_line(const char *p)
{
    return p + strcspn(p, "\n");
}

static const char *skip_comment(const char *p)
{
    unsigned depth = 0;

    do {
        if (p[0] == '/' && p[1] == '*') {
            depth++;
            p += 2;
        } else if (p[0] == '*' && p[1] == '/') {
            depth--;
            p += 2;
        } else {
            p++;
        }
    } while (depth > 0 && *p != '\0');
    return p;
}

/* $tag$ ... $tag$; P itself when no tag begins here. */
static const char *skip_dollars(const char *p)
{
    const char *tag_end = p + 1;
    size_t size;

    while (is_word(*tag_end)) {
        tag_end++;
    }
    if (*tag_end != '$' || is_digit(p[1])) {
        return p;
    }
    size = (size_t)(tag_end + 1 - p);
    for (const char *end = strchr(p + size, '$'); end != NULL; end = strchr(end + 1, '$')) {
        if (strncmp(end, p, size) == 0) {
            return end + size;
        }
    }
    return p + strlen(p);
}

/* Behind whatever begins at P and holds no parameter; P itself when one may begin here. */
static const char *skip_opaque(const char *p)
{
    if ((p[0] == 'e' || p[0] == 'E') && p[1] == '\'') {
        return skip_quoted(p + 1, true);
    }
    if (is_word(*p)) {
        while (is_word(*p) || *p == '$') {
            p++;
        }
        return p;
    }
    if (*p == '\'' || *p == '"') {
        return skip_quoted(p, false);
    }
    if (p[0] == '-' && p[1] == '-') {
        return skip_line(p);
    }
    if (p[0] == '/' && p[1] == '*') {
        return skip_comment(p);
    }
    return *p == '$' ? skip_dollars(p) : p;
}

static enum err append_literal(const char *p, size_t len, const char *const *literals,
                               unsigned count, struct buffer *out, struct errmsg *msg)
{
    int64_t number;

    if (!parse_integer(slice_of(p + 1, len - 1), &number) || number < 1 || number > count) {
        return err_set(msg, ERR_SOURCE, "there is no value for the parameter %.*s", (int)len, p);
    }
    buffer_append_str(out, literals[number - 1]);
    return ERR_NONE;
}

enum err postgres_inline(const char *sql, const char *const *literals, unsigned count,
                         struct buffer *out, struct errmsg *msg)
{
    const char *p = sql;

    while (*p != '\0') {
        const char *end = skip_opaque(p);
        enum err rc;

        if (end > p) {
            buffer_append(out, p, (size_t)(end - p));
        } else if ((*p == '$' || *p == '?') && is_digit(p[1])) {
            end = p + 1;
            while (is_digit(*end)) {
                end++;
            }
            rc = append_literal(p, (size_t)(end - p), literals, count, out, msg);
            if (rc != ERR_NONE) {
                return rc;
            }
        } else {
            end = p + 1;
            buffer_append_byte(out, *p);
        }
        p = end;
    }
    return ERR_NONE;
}

/* ---- what they become ---- */

/* A quoted literal; the caller passes it to PQfreemem. NULL when libpq refuses it. */
static char *quote_value(PGconn *conn, const struct value *value)
{
    char number[NUMBER_TEXT_MAX + 1];

    switch (value->type) {
    case VALUE_INTEGER:
        return PQescapeLiteral(conn, number, write_integer(number, value->integer));
    case VALUE_REAL:
        return PQescapeLiteral(conn, number,
                               (size_t)snprintf(number, sizeof number, "%.17g", value->real));
    default:
        return PQescapeLiteral(conn, value->text.len == 0 ? "" : value->text.ptr, value->text.len);
    }
}

/* A literal alone takes whatever type its place asks for; numbers bring theirs along. */
static const char *const casts[] = {
    [VALUE_NULL] = "",
    [VALUE_INTEGER] = "::bigint",
    [VALUE_REAL] = "::double precision",
    [VALUE_TEXT] = "",
};

static enum err append_value(PGconn *conn, const struct value *value, struct buffer *out,
                             struct errmsg *msg)
{
    char *quoted;

    if (value->type == VALUE_NULL) {
        buffer_append_str(out, "NULL");
        return ERR_NONE;
    }
    if (value->type == VALUE_TEXT && value->text.len > 0 &&
        memchr(value->text.ptr, '\0', value->text.len) != NULL) {
        return err_set(msg, ERR_SOURCE, "a parameter holds a NUL byte, which PostgreSQL has not");
    }
    quoted = quote_value(conn, value);
    if (quoted == NULL) {
        return err_set(msg, ERR_SOURCE, "a parameter is no text in UTF-8");
    }
    buffer_printf(out, "(%s%s)", quoted, casts[value->type]);
    PQfreemem(quoted);
    return ERR_NONE;
}

enum err postgres_bind(PGconn *conn, const char *sql, const struct value *parameters,
                       unsigned count, struct buffer *out, struct errmsg *msg)
{
    struct buffer *texts = memory_calloc(count, sizeof *texts);
    const char **literals = memory_calloc(count, sizeof *literals);
    enum err rc = ERR_NONE;

    for (unsigned i = 0; i < count; i++) {
        buffer_init(&texts[i], SIZE_MAX / 2);
        if (rc == ERR_NONE) {
            rc = append_value(conn, &parameters[i], &texts[i], msg);
        }
        literals[i] = buffer_str(&texts[i]);
    }
    if (rc == ERR_NONE) {
        rc = postgres_inline(sql, literals, count, out, msg);
    }
    for (unsigned i = 0; i < count; i++) {
        buffer_free(&texts[i]);
    }
    free(texts);
    free(literals);
    return rc;
}
