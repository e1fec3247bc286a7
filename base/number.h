/*
 * Numbers and text: strict parsers for what people and files write, writers for what answers show.
 *
 * A parser reads the whole slice or fails; it skips nothing.
 */
#ifndef VITRINE_BASE_NUMBER_H
#define VITRINE_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    INTEGER_TEXT_MAX = 20, /* "-9223372036854775808" */
    DECIMAL_TEXT_MAX = 24, /* sign, 19 digits, a point, room for leading zeros */
    NUMBER_TEXT_MAX = 32,
    HEX_TEXT_LEN = 16,
    DECIMAL_SCALE_MAX = 18,
};

/* "-?[0-9]+" within 64 bits; no sign "+", no blanks. */
bool parse_integer(struct slice text, int64_t *out);

/*
 * "-?[0-9]+(\.[0-9]*)?" times 10^SCALE, rounded half away from zero: "140" at scale 2 is 14000.
 * False when it is not such a number or does not fit 64 bits.
 */
bool parse_decimal(struct slice text, unsigned scale, int64_t *out);

/* A finite JSON-like number. */
bool parse_number(struct slice text, double *out);

/* HEX_TEXT_LEN digits in base 16, in lower case, as write_hex writes them. */
bool parse_hex(struct slice text, uint64_t *out);

/* Two digits each: "00", "01" ... "99". */
extern const char number_digit_pairs[201];

/* Each writes at P (room for the _MAX above) and returns the number of bytes; no NUL. */
unsigned write_integer(char *p, int64_t value);
unsigned write_decimal(char *p, int64_t value, unsigned scale);

/* HEX_TEXT_LEN bytes: all digits of VALUE in base 16, in lower case. */
void write_hex(char *p, uint64_t value);

/* The shortest text that reads back as the same double. VALUE is finite. */
unsigned write_number(char *p, double value);

/*
 * TOTAL / COUNT times 10^SCALE, rounded half away from zero. False when COUNT is not positive or the
 * result does not fit 64 bits.
 */
bool ratio_scaled(int64_t total, int64_t count, unsigned scale, int64_t *out);

/* 10^EXPONENT; EXPONENT <= DECIMAL_SCALE_MAX. */
int64_t power_of_ten(unsigned exponent);

#endif
