/*
 * Points in time as milliseconds since 1970-01-01T00:00:00Z, proleptic Gregorian calendar.
 */
#ifndef VITRINE_BASE_TIMESTAMP_H
#define VITRINE_BASE_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { TIMESTAMP_TEXT_LEN = 24 }; /* 2020-07-30T03:41:21.467Z */

/* The range that fits TIMESTAMP_TEXT_LEN: years 0000 to 9999. */
#define TIMESTAMP_MIN (-62167219200000LL)
#define TIMESTAMP_MAX 253402300799999LL

/*
 * Reads "2020-07-30", or with a time after "T" or a blank, "03:41", "03:41:21" or "03:41:21.467...",
 * and a zone "Z", "+02", "+02:00", "+0200" or none, which means UTC. Digits below the millisecond are
 * cut. False when it is anything else or outside the years 0000 to 9999.
 */
bool timestamp_parse(struct slice text, int64_t *ms);

/* Writes TIMESTAMP_TEXT_LEN bytes, no NUL. MS lies within TIMESTAMP_MIN..TIMESTAMP_MAX. */
void timestamp_write(char *p, int64_t ms);

/* The time of day, in milliseconds since 1970. */
int64_t timestamp_now_ms(void);

/* Days since 1970-01-01 of a civil date; MONTH 1..12, DAY 1..31. */
int64_t days_from_civil(int64_t year, unsigned month, unsigned day);

#endif
