#include "base/options.h"

#include <inttypes.h>
#include <string.h>

#include "base/number.h"
#include "base/suggest.h"

enum { WORD_MAX = 64 };

static const struct option *find(const struct command *command, struct slice name)
{
    for (const struct option *option = command->options; option->name != NULL; option++) {
        if (slice_is(name, option->name)) {
            return option;
        }
    }
    return NULL;
}

static const char *nearest(const struct command *command, struct slice name)
{
    const char *best = NULL;
    unsigned best_distance = 0;

    for (const struct option *option = command->options; option->name != NULL; option++) {
        unsigned distance;

        if (suggest_is_near(name, slice_str(option->name), &distance) &&
            (best == NULL || distance < best_distance)) {
            best = option->name;
            best_distance = distance;
        }
    }
    return best;
}

static enum err unknown_option(const struct command *command, struct slice name, struct errmsg *msg)
{
    const char *meant = nearest(command, name);

    if (meant != NULL) {
        return err_set(msg, ERR_USAGE, "there is no option --%.*s; did you mean --%s?",
                       SLICE_ARG(name), meant);
    }
    return err_set(msg, ERR_USAGE, "there is no option --%.*s", SLICE_ARG(name));
}

/* ---- values ---- */

static void *member(void *out, const struct option *option)
{
    return (char *)out + option->offset;
}

static enum err set_integer(const struct option *option, const char *value, void *out,
                            struct errmsg *msg)
{
    char range[WORD_MAX];
    int64_t number;

    option_range(option, range, sizeof range);
    if (!parse_integer(slice_str(value), &number)) {
        return err_set(msg, ERR_USAGE, "--%s: \"%s\" is not an integer; write one %s", option->name,
                       value, range);
    }
    if (number < option->least || number > option->most) {
        return err_set(msg, ERR_USAGE, "--%s: %" PRId64 " is out of bounds; write an integer %s",
                       option->name, number, range);
    }
    memcpy(member(out, option), &number, sizeof number);
    return ERR_NONE;
}

/* What may follow a number, and what it then counts in. */
struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit durations[] = {
    {"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0},
};

static const struct unit sizes[] = {
    {"", 1}, {"K", 1LL << 10}, {"M", 1LL << 20}, {"G", 1LL << 30}, {NULL, 0},
};

/* A number of UNITS. */
static bool parse_units(struct slice text, const struct unit *units, int64_t *out)
{
    size_t digits = 0;
    int64_t number;

    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') {
        digits++;
    }
    if (!parse_integer(slice_of(text.ptr, digits), &number)) {
        return false;
    }
    for (const struct unit *unit = units; unit->name != NULL; unit++) {
        if (slice_is(slice_of(text.ptr + digits, text.len - digits), unit->name)) {
            return !__builtin_mul_overflow(number, unit->factor, out);
        }
    }
    return false;
}

static enum err set_duration(const struct option *option, const char *value, void *out,
                             struct errmsg *msg)
{
    int64_t ms;

    if (!parse_units(slice_str(value), durations, &ms)) {
        return err_set(msg, ERR_USAGE, "--%s: \"%s\" is not a duration; write 250ms, 5s, 10m or 1h",
                       option->name, value);
    }
    memcpy(member(out, option), &ms, sizeof ms);
    return ERR_NONE;
}

static enum err set_size(const struct option *option, const char *value, void *out,
                         struct errmsg *msg)
{
    int64_t bytes;

    if (!parse_units(slice_str(value), sizes, &bytes)) {
        return err_set(msg, ERR_USAGE, "--%s: \"%s\" is not a size; write 4096, 64K, 500M or 2G",
                       option->name, value);
    }
    memcpy(member(out, option), &bytes, sizeof bytes);
    return ERR_NONE;
}

static enum err add_text(const struct option *option, const char *value, void *out,
                         struct errmsg *msg)
{
    struct option_texts *texts = member(out, option);

    if (texts->count == OPTION_TEXTS_MAX) {
        return err_set(msg, ERR_USAGE, "--%s: given more than %d times", option->name,
                       OPTION_TEXTS_MAX);
    }
    texts->items[texts->count++] = value;
    return ERR_NONE;
}

static enum err set_value(const struct option *option, const char *value, void *out,
                          struct errmsg *msg)
{
    switch (option->kind) {
    case OPTION_KIND_TEXT:
        memcpy(member(out, option), &value, sizeof value);
        return ERR_NONE;
    case OPTION_KIND_TEXTS:
        return add_text(option, value, out, msg);
    case OPTION_KIND_INTEGER:
        return set_integer(option, value, out, msg);
    case OPTION_KIND_DURATION:
        return set_duration(option, value, out, msg);
    case OPTION_KIND_SIZE:
        return set_size(option, value, out, msg);
    case OPTION_KIND_FLAG:
        break;
    }
    return err_set(msg, ERR_USAGE, "--%s takes no value", option->name);
}

/* A default is given by a colleague, so a wrong one is reported like any other value. */
static enum err set_defaults(const struct command *command, void *out, struct errmsg *msg)
{
    static const int64_t zero = 0;

    for (const struct option *option = command->options; option->name != NULL; option++) {
        enum err rc = ERR_NONE;

        if (option->kind == OPTION_KIND_FLAG) {
            memset(member(out, option), 0, sizeof(bool));
        } else if (option->kind == OPTION_KIND_TEXTS) {
            memset(member(out, option), 0, sizeof(struct option_texts));
        } else if (option->default_value != NULL) {
            rc = set_value(option, option->default_value, out, msg);
        } else if (option->kind == OPTION_KIND_TEXT) {
            memset(member(out, option), 0, sizeof(char *));
        } else {
            memcpy(member(out, option), &zero, sizeof zero);
        }
        if (rc != ERR_NONE) {
            return rc;
        }
    }
    return ERR_NONE;
}

/* ---- the command line ---- */

/* A command line being read. */
struct scan {
    const struct command *command;
    int argc;
    char **argv;
    int at; /* the next word */
    void *out;
    option_extra extra;
    void *extra_context;
    uint64_t given; /* bit i: option i of the table was there */
};

/* The word after an option, unless that is an option itself: "--root --listen" is a slip. */
static const char *next_value(const struct scan *scan)
{
    if (scan->at >= scan->argc || strncmp(scan->argv[scan->at], "--", 2) == 0) {
        return NULL;
    }
    return scan->argv[scan->at];
}

static enum err take_extra(struct scan *scan, struct slice name, const char *value,
                           struct errmsg *msg)
{
    char copy[WORD_MAX];
    bool is_next = value == NULL && next_value(scan) != NULL;
    enum err rc;

    if (scan->extra == NULL || name.len >= sizeof copy) {
        return unknown_option(scan->command, name, msg);
    }
    memcpy(copy, name.ptr, name.len);
    copy[name.len] = '\0';
    rc = scan->extra(scan->extra_context, copy, is_next ? next_value(scan) : value, msg);
    if (rc == ERR_NOT_FOUND) {
        return unknown_option(scan->command, name, msg);
    }
    scan->at += is_next;
    return rc;
}

static enum err take_known(struct scan *scan, const struct option *option, const char *value,
                           struct errmsg *msg)
{
    static const bool yes = true;

    scan->given |= 1ULL << (option - scan->command->options);
    if (option->kind == OPTION_KIND_FLAG) {
        if (value != NULL) {
            return err_set(msg, ERR_USAGE, "--%s takes no value", option->name);
        }
        memcpy(member(scan->out, option), &yes, sizeof yes);
        return ERR_NONE;
    }
    if (value == NULL) {
        value = next_value(scan);
        if (value == NULL) {
            return err_set(msg, ERR_USAGE, "--%s needs a value: --%s %s", option->name,
                           option->name, option->value_name);
        }
        scan->at++;
    }
    return set_value(option, value, scan->out, msg);
}

/* WORD begins with "--". */
static enum err take_option(struct scan *scan, const char *word, struct errmsg *msg)
{
    const char *equals = strchr(word, '=');
    const char *value = equals == NULL ? NULL : equals + 1;
    struct slice name =
        slice_of(word + 2, equals == NULL ? strlen(word + 2) : (size_t)(equals - word - 2));
    const struct option *option = find(scan->command, name);

    if (option == NULL) {
        return take_extra(scan, name, value, msg);
    }
    return take_known(scan, option, value, msg);
}

static enum err check_complete(const struct scan *scan, const struct arguments *arguments,
                               struct errmsg *msg)
{
    const struct command *command = scan->command;

    for (const struct option *option = command->options; option->name != NULL; option++) {
        if (option->required && (scan->given & 1ULL << (option - command->options)) == 0) {
            return err_set(msg, ERR_USAGE, "--%s %s is missing; usage: vitrine %s %s", option->name,
                           option->value_name, command->name, command->usage);
        }
    }
    if (arguments->count < command->least_arguments) {
        return err_set(msg, ERR_USAGE, "an argument is missing; usage: vitrine %s %s",
                       command->name, command->usage);
    }
    if (arguments->count > command->most_arguments) {
        return err_set(msg, ERR_USAGE, "\"%s\" is one argument too many; usage: vitrine %s %s",
                       arguments->items[command->most_arguments], command->name, command->usage);
    }
    return ERR_NONE;
}

enum err options_parse(const struct command *command, int argc, char **argv, void *out,
                       option_extra extra, void *extra_context, struct arguments *arguments,
                       struct errmsg *msg)
{
    struct scan scan = {command, argc, argv, 1, out, extra, extra_context, 0};
    struct arguments found = {0, argv + 1, false}; /* arguments close ranks in argv */
    bool only_arguments = false;
    enum err rc = set_defaults(command, out, msg);

    while (rc == ERR_NONE && scan.at < argc) {
        char *word = argv[scan.at++];

        if (only_arguments || word[0] != '-' || word[1] == '\0') {
            found.items[found.count++] = word;
        } else if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
            found.help = true;
            *arguments = found;
            return ERR_NONE;
        } else if (strcmp(word, "--") == 0) {
            only_arguments = true;
        } else if (word[1] == '-') {
            rc = take_option(&scan, word, msg);
        } else {
            rc = err_set(msg, ERR_USAGE, "there is no option %s; options begin with two dashes",
                         word);
        }
    }
    if (rc == ERR_NONE) {
        rc = check_complete(&scan, &found, msg);
    }
    if (rc == ERR_NONE) {
        *arguments = found;
    }
    return rc;
}
