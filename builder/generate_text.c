#include "builder/generate_text.h"

#include <assert.h>

#include "base/number.h"
#include "builder/generate_words.h"

enum {
    CHANCE_BITS = 10,
    CHANCES = 1 << CHANCE_BITS, /* draws a list is spread over */
    PARTS_MAX = 40,             /* of a sentence */
    LITERAL = WORD_CLASS_COUNT, /* the class of what stands in a pattern itself */
    ODD_ONE_IN = 28,            /* sentences */
    USUAL_SENTENCE = 60,        /* bytes; half of it is the usual overshoot */
};

_Static_assert((PARTS_MAX + 1) * GENERATE_WORD_MAX <= GENERATE_TEXT_SLACK,
               "a sentence of the longest words fits the slack");

/* Padded, so that a copy is two register moves whatever the length. */
struct word {
    char text[GENERATE_WORD_MAX];
    unsigned len;
};

/* A list with a weight for each item, ready to draw from. */
struct draw_list {
    uint8_t index[CHANCES];
    struct word *words;
};

struct part {
    unsigned kind; /* a word class, or LITERAL */
    bool is_capital;
    bool has_article; /* "a" stands in front, which becomes "an" before a vowel */
    struct word word; /* LITERAL */
};

struct pattern {
    struct part *parts;
    unsigned count;
};

struct vocabulary {
    struct draw_list classes[WORD_CLASS_COUNT];
    struct draw_list nicknames;
    struct draw_list mail_names;
    struct draw_list mail_hosts;
    uint8_t pattern_index[CHANCES];
    struct pattern *patterns;
    struct pattern *odd;
};

/* Item i has the weight 1 / (i + OFFSET): Zipf's law, flatter for a larger offset. */
static void spread_chances(uint8_t *index, size_t count, double offset)
{
    double total = 0;
    double sum = 0;
    size_t at = 0;

    assert(count > 0 && count <= UINT8_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        total += 1 / ((double)i + offset);
    }
    for (size_t i = 0; i < CHANCES; i++) {
        while (at + 1 < count && (sum + 1 / ((double)at + offset)) / total * CHANCES <= (double)i) {
            sum += 1 / ((double)at + offset);
            at++;
        }
        index[i] = (uint8_t)at;
    }
}

static void set_word(struct word *word, const char *text, size_t len)
{
    assert(len <= GENERATE_WORD_MAX);
    memcpy(word->text, text, len);
    word->len = (unsigned)len;
}

static void init_list(struct draw_list *list, struct arena *arena, const struct word_list *from,
                      double offset)
{
    list->words = arena_calloc(arena, from->count, sizeof *list->words);
    for (size_t i = 0; i < from->count; i++) {
        set_word(&list->words[i], from->words[i], strlen(from->words[i]));
    }
    spread_chances(list->index, from->count, offset);
}

static unsigned class_of(char letter)
{
    static const char letters[WORD_CLASS_COUNT + 1] = {
        [WORD_NOUN] = 'n',   [WORD_ADJECTIVE] = 'a', [WORD_VERB] = 'v', [WORD_ADVERB] = 'd',
        [WORD_PERSON] = 'e', [WORD_PLACE] = 'p',     [WORD_TIME] = 't', [WORD_LINK] = 'l',
    };
    const char *found = strchr(letters, letter);

    assert(found != NULL && letter != '\0');
    return (unsigned)(found - letters);
}

/* Cuts "The {n} is {a}." into literals and classes. */
static void init_pattern(struct pattern *pattern, struct arena *arena, const char *text)
{
    const char *first = text;

    pattern->parts = arena_calloc(arena, PARTS_MAX, sizeof *pattern->parts);
    pattern->count = 0;
    while (*text != '\0') {
        struct part *part = &pattern->parts[pattern->count++];

        assert(pattern->count < PARTS_MAX);
        if (*text == '{') {
            part->is_capital = text[1] >= 'A' && text[1] <= 'Z';
            part->kind = class_of((char)(text[1] | 0x20));
            part->has_article = text - first >= 3 && memcmp(text - 3, " a ", 3) == 0;
            text += 3;
        } else {
            size_t len = strcspn(text, "{");

            part->kind = LITERAL;
            len = len > GENERATE_WORD_MAX ? GENERATE_WORD_MAX : len;
            set_word(&part->word, text, len);
            text += len;
        }
    }
}

static struct pattern *init_patterns(struct arena *arena, const struct word_list *from)
{
    struct pattern *patterns = arena_calloc(arena, from->count, sizeof *patterns);

    for (size_t i = 0; i < from->count; i++) {
        init_pattern(&patterns[i], arena, from->words[i]);
    }
    return patterns;
}

struct vocabulary *vocabulary_new(struct arena *arena)
{
    struct vocabulary *words = arena_calloc(arena, 1, sizeof *words);

    for (unsigned i = 0; i < WORD_CLASS_COUNT; i++) {
        init_list(&words->classes[i], arena, &word_classes[i], 16);
    }
    init_list(&words->nicknames, arena, &nicknames, 8);
    init_list(&words->mail_names, arena, &mail_names, 8);
    init_list(&words->mail_hosts, arena, &mail_hosts, 1);
    words->patterns = init_patterns(arena, &sentence_patterns);
    words->odd = init_patterns(arena, &odd_sentences);
    spread_chances(words->pattern_index, sentence_patterns.count, 16);
    return words;
}

static inline char *put_word(char *p, const struct word *word)
{
    memcpy(p, word->text, GENERATE_WORD_MAX);
    return p + word->len;
}

static inline const struct word *draw(const struct draw_list *list, uint64_t bits)
{
    return &list->words[list->index[bits & (CHANCES - 1)]];
}

static inline void make_capital(char *p)
{
    if (*p >= 'a' && *p <= 'z') {
        *p = (char)(*p - 32);
    }
}

/* One draw of 64 bits serves six words. */
static char *put_pattern(const struct vocabulary *words, const struct pattern *pattern,
                         struct random *random, char *p)
{
    uint64_t bits = 0;
    unsigned left = 0;

    for (unsigned i = 0; i < pattern->count; i++) {
        const struct part *part = &pattern->parts[i];
        const struct word *word;

        if (part->kind == LITERAL) {
            p = put_word(p, &part->word);
            continue;
        }
        if (left == 0) {
            bits = random_next(random);
            left = 64 / CHANCE_BITS;
        }
        word = draw(&words->classes[part->kind], bits);
        bits >>= CHANCE_BITS;
        left--;
        if (part->has_article && memchr("aeiou", word->text[0], 5) != NULL) {
            p[-1] = 'n';
            *p++ = ' ';
        }
        p = put_word(p, word);
        if (part->is_capital) {
            make_capital(p - word->len);
        }
    }
    return p;
}

static char *put_sentence(const struct vocabulary *words, struct random *random, char *p)
{
    uint64_t bits = random_next(random);
    const struct pattern *pattern;

    if ((bits >> 32) % ODD_ONE_IN == 0) {
        pattern = &words->odd[(bits & 0xffff) * odd_sentences.count >> 16];
    } else {
        pattern = &words->patterns[words->pattern_index[bits & (CHANCES - 1)]];
    }
    return put_pattern(words, pattern, random, p);
}

/* Ends the text at the last blank that lies before LIMIT, so that no character is cut in two. */
static char *cut_at_blank(char *start, char *limit)
{
    char *p = limit - 1;

    while (p > start && *p != ' ') {
        p--;
    }
    if (p == start) {
        *p = '-';
        return p + 1;
    }
    *p = '.';
    return p + 1;
}

static char *set_end(char *start, char *p, struct slice end)
{
    if (p > start && p[-1] == '.') {
        p--;
    }
    memcpy(p, end.ptr, end.len);
    return p + end.len;
}

char *text_write(const struct vocabulary *words, struct random *random,
                 const struct text_wish *wish, char *p)
{
    char *start = p;
    size_t most = wish->most > wish->end.len + 1 ? wish->most - wish->end.len : 1;

    for (;;) {
        char *before = p;
        size_t len = (size_t)(p - start);

        if (len >= wish->least && len > 0 && len + USUAL_SENTENCE / 2 >= wish->target) {
            break;
        }
        if (p > start) {
            *p++ = ' ';
        }
        p = put_sentence(words, random, p);
        if ((size_t)(p - start) > most) {
            bool is_enough = before > start && (size_t)(before - start) >= wish->least;

            p = is_enough ? before : cut_at_blank(start, start + most);
            break;
        }
    }
    return wish->end.len == 0 ? p : set_end(start, p, wish->end);
}

char *title_write(const struct vocabulary *words, struct random *random, unsigned count, char *p)
{
    for (unsigned i = 0; i < count; i++) {
        enum word_class kind = i + 1 < count ? WORD_ADJECTIVE : WORD_NOUN;
        char *start;

        if (i > 0) {
            *p++ = ' ';
        }
        start = p;
        p = put_word(p, draw(&words->classes[kind], random_next(random)));
        make_capital(start);
    }
    return p;
}

char *nickname_write(const struct vocabulary *words, struct random *random, char *p)
{
    uint64_t bits = random_next(random);

    p = put_word(p, draw(&words->nicknames, bits));
    if ((bits >> 32 & 3) != 0) {
        p += write_integer(p, (int64_t)(bits >> 40 & 0xfff));
    }
    return p;
}

char *email_write(const struct vocabulary *words, struct random *random, char *p)
{
    uint64_t bits = random_next(random);

    p = put_word(p, draw(&words->mail_names, bits));
    p += write_integer(p, (int64_t)(bits >> 40 & 0xffff));
    *p++ = '@';
    return put_word(p, draw(&words->mail_hosts, bits >> CHANCE_BITS));
}
