/*
 * The vocabulary of synthetic text: plain English about everyday things, with the signs, scripts
 * and quotes that real text brings. Classes are ordered by how often a word is used.
 *
 * All texts are as they stand within a quoted CSV field: a quote is doubled.
 */
#ifndef VITRINE_BUILDER_GENERATE_WORDS_H
#define VITRINE_BUILDER_GENERATE_WORDS_H

#include <stddef.h>

enum word_class {
    WORD_NOUN,
    WORD_ADJECTIVE,
    WORD_VERB,   /* past tense, with an object */
    WORD_ADVERB, /* of manner or degree */
    WORD_PERSON,
    WORD_PLACE, /* a phrase: "in the kitchen" */
    WORD_TIME,  /* a phrase: "after a week" */
    WORD_LINK,  /* joins two clauses */
    WORD_CLASS_COUNT,
};

struct word_list {
    const char *const *words;
    size_t count;
};

extern const struct word_list word_classes[WORD_CLASS_COUNT];

/*
 * Sentences: a lower-case letter in braces is a word of a class: {n}oun, {a}djective, {v}erb,
 * a{d}verb, p{e}rson, {p}lace, {t}ime, {l}ink. The first is the most frequent.
 */
extern const struct word_list sentence_patterns;

/* Whole sentences with what parsers stumble over. */
extern const struct word_list odd_sentences;

/* Nicknames, some of them not ASCII, and the hosts of e-mail addresses. */
extern const struct word_list nicknames;
extern const struct word_list mail_names;
extern const struct word_list mail_hosts;

#endif
