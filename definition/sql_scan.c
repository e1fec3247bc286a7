#include "definition/sql_scan.h"

#include <ctype.h>

static bool is_word_start(char c)
{
    return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word_byte(char c)
{
    return is_word_start(c) || isdigit((unsigned char)c) || c == '$';
}

static bool is_name_byte(char c)
{
    return c == '_' || (isalnum((unsigned char)c) && (unsigned char)c < 0x80);
}

/* The byte AHEAD of the place, or NUL behind the end. */
static char peek(const struct sql_scan *scan, size_t ahead)
{
    return ahead < scan->sql.len - scan->at ? scan->sql.ptr[scan->at + ahead] : '\0';
}

static bool is_at_end(const struct sql_scan *scan)
{
    return scan->at == scan->sql.len;
}

/* Up to the byte behind QUOTE; twice it stands for itself. False: there is none. */
static bool skip_quoted(struct sql_scan *scan, char quote, bool has_escapes)
{
    while (!is_at_end(scan)) {
        char c = scan->sql.ptr[scan->at++];

        if (c == '\\' && has_escapes && !is_at_end(scan)) {
            scan->at++;
        } else if (c == quote && peek(scan, 0) == quote && quote != ']') {
            scan->at++;
        } else if (c == quote) {
            return true;
        }
    }
    return false;
}

/* Behind the comment that begins here; those of PostgreSQL nest. False: it has no end. */
static bool skip_comment(struct sql_scan *scan)
{
    unsigned depth = 1;

    scan->at += 2;
    while (!is_at_end(scan)) {
        if (peek(scan, 0) == '*' && peek(scan, 1) == '/') {
            scan->at += 2;
            if (--depth == 0) {
                return true;
            }
        } else if (scan->dialect == SQL_POSTGRES && peek(scan, 0) == '/' && peek(scan, 1) == '*') {
            scan->at += 2;
            depth++;
        } else {
            scan->at++;
        }
    }
    return false;
}

static bool skip_blanks(struct sql_scan *scan)
{
    for (;;) {
        if (!is_at_end(scan) && isspace((unsigned char)peek(scan, 0))) {
            scan->at++;
        } else if (peek(scan, 0) == '-' && peek(scan, 1) == '-') {
            const char *end = memchr(scan->sql.ptr + scan->at, '\n', scan->sql.len - scan->at);

            scan->at = end == NULL ? scan->sql.len : (size_t)(end - scan->sql.ptr);
        } else if (peek(scan, 0) == '/' && peek(scan, 1) == '*') {
            if (!skip_comment(scan)) {
                return false;
            }
        } else {
            return true;
        }
    }
}

/* The length of `$tag$` here, or 0. */
static size_t dollar_tag(const struct sql_scan *scan)
{
    size_t len = 1;

    while (is_name_byte(peek(scan, len)) && !(len == 1 && isdigit((unsigned char)peek(scan, 1)))) {
        len++;
    }
    return peek(scan, len) == '$' ? len + 1 : 0;
}

/* Behind the second of two equal tags. */
static bool skip_dollars(struct sql_scan *scan, size_t tag_len)
{
    const char *tag = scan->sql.ptr + scan->at;

    scan->at += tag_len;
    while (scan->sql.len - scan->at >= tag_len) {
        if (memcmp(scan->sql.ptr + scan->at, tag, tag_len) == 0) {
            scan->at += tag_len;
            return true;
        }
        scan->at++;
    }
    return false;
}

/* Identifiers in the quotes of SQLite: `name`, [name]; PostgreSQL has only the double ones. */
static char closing_quote(const struct sql_scan *scan, char c)
{
    bool is_sqlite = scan->dialect == SQL_SQLITE;

    if (c == '\'' || c == '"' || (is_sqlite && c == '`')) {
        return c;
    }
    return is_sqlite && c == '[' ? ']' : '\0';
}

static struct slice take_name(struct sql_scan *scan)
{
    size_t start = scan->at;

    while (is_name_byte(peek(scan, 0))) {
        scan->at++;
    }
    return slice_of(scan->sql.ptr + start, scan->at - start);
}

static bool begins_name(const struct sql_scan *scan, size_t ahead)
{
    return is_name_byte(peek(scan, ahead)) && !isdigit((unsigned char)peek(scan, ahead));
}

/* A colon and what belongs to it. */
static void scan_colon(struct sql_scan *scan, struct sql_token *token)
{
    scan->at++;
    token->kind = SQL_MARK;
    if (peek(scan, 0) == ':' || peek(scan, 0) == '=') {
        scan->at++;
    } else if (begins_name(scan, 0)) {
        token->kind = SQL_NAME;
        token->name = take_name(scan);
        if (peek(scan, 0) == '.' && begins_name(scan, 1)) {
            scan->at++;
            token->member = take_name(scan);
        }
    }
}

static void scan_word(struct sql_scan *scan, struct sql_token *token)
{
    bool is_escape = (peek(scan, 0) == 'e' || peek(scan, 0) == 'E') && peek(scan, 1) == '\'' &&
                     scan->dialect == SQL_POSTGRES;

    if (is_escape) {
        scan->at += 2;
        token->kind = skip_quoted(scan, '\'', true) ? SQL_QUOTED : SQL_OPEN;
        return;
    }
    token->kind = SQL_WORD;
    while (is_word_byte(peek(scan, 0))) {
        scan->at++;
    }
}

static void scan_token(struct sql_scan *scan, struct sql_token *token)
{
    char c = peek(scan, 0);
    char quote = closing_quote(scan, c);

    if (quote != '\0') {
        scan->at++;
        token->kind = skip_quoted(scan, quote, false) ? SQL_QUOTED : SQL_OPEN;
    } else if (c == '$' && scan->dialect == SQL_POSTGRES && dollar_tag(scan) > 0) {
        token->kind = skip_dollars(scan, dollar_tag(scan)) ? SQL_QUOTED : SQL_OPEN;
    } else if (is_word_start(c)) {
        scan_word(scan, token);
    } else if (isdigit((unsigned char)c)) {
        token->kind = SQL_QUOTED;
        while (is_word_byte(peek(scan, 0)) || peek(scan, 0) == '.') {
            scan->at++;
        }
    } else if (c == ':') {
        scan_colon(scan, token);
    } else {
        token->kind = SQL_MARK;
        scan->at++;
    }
}

struct sql_token sql_next(struct sql_scan *scan)
{
    struct sql_token token = {.kind = SQL_END, .name = slice_of("", 0), .member = slice_of("", 0)};
    size_t start = scan->at;

    if (!skip_blanks(scan)) {
        token.kind = SQL_OPEN; /* the last comment */
    } else if (!is_at_end(scan)) {
        start = scan->at;
        scan_token(scan, &token);
    }
    if (token.kind == SQL_OPEN) {
        scan->at = scan->sql.len;
    }
    token.text = slice_of(scan->sql.ptr + start, scan->at - start);
    return token;
}
