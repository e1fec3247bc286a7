#include "base/timestamp.h"

#include "base/clock.h"
#include "base/number.h"

enum { MS_A_DAY = 86400000, DAYS_AN_ERA = 146097, DAYS_TO_1970 = 719468 };

/*
 * Civil date <-> days: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". A year starts
 * in March and an era is 400 years, so that the leap day comes last.
 */
int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * DAYS_AN_ERA + day_of_era - DAYS_TO_1970;
}

/* DAYS lie in the years 0000 .. 9999, so that 32 bits hold them, counted from the era before. */
static void civil_from_days(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    uint32_t z = (uint32_t)(days + DAYS_TO_1970 + DAYS_AN_ERA);
    uint32_t era = z / DAYS_AN_ERA;
    uint32_t doe = z % DAYS_AN_ERA;
    uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint32_t mp = (5 * doy + 2) / 153;

    *day = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = yoe + era * 400 - 400 + (*month <= 2);
}

/* Reads exactly COUNT digits at *AT. */
static bool take_digits(struct slice text, size_t *at, unsigned count, unsigned *out)
{
    unsigned value = 0;

    if (text.len - *at < count) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        char c = text.ptr[*at + i];

        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(c - '0');
    }
    *at += count;
    *out = value;
    return true;
}

static bool take_char(struct slice text, size_t *at, char c)
{
    if (*at < text.len && text.ptr[*at] == c) {
        (*at)++;
        return true;
    }
    return false;
}

static bool take_date(struct slice text, size_t *at, int64_t *days)
{
    static const uint8_t month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year;
    unsigned month;
    unsigned day;
    bool leap;

    if (!take_digits(text, at, 4, &year) || !take_char(text, at, '-') ||
        !take_digits(text, at, 2, &month) || !take_char(text, at, '-') ||
        !take_digits(text, at, 2, &day) || month < 1 || month > 12 || day < 1 ||
        day > month_days[month - 1]) {
        return false;
    }
    leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month == 2 && day == 29 && !leap) {
        return false;
    }
    *days = days_from_civil(year, month, day);
    return true;
}

static bool take_time(struct slice text, size_t *at, int64_t *ms)
{
    unsigned hour;
    unsigned minute;
    unsigned second = 0;
    unsigned milli = 0;

    if (!take_digits(text, at, 2, &hour) || !take_char(text, at, ':') ||
        !take_digits(text, at, 2, &minute)) {
        return false;
    }
    if (take_char(text, at, ':')) {
        if (!take_digits(text, at, 2, &second)) {
            return false;
        }
        if (take_char(text, at, '.')) {
            unsigned unit = 100;
            size_t first = *at;
            unsigned digit;

            while (take_digits(text, at, 1, &digit)) {
                milli += digit * unit;
                unit /= 10;
            }
            if (*at == first) {
                return false;
            }
        }
    }
    if (hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    *ms = ((hour * 60LL + minute) * 60 + second) * 1000 + milli;
    return true;
}

/* The zone after a time: "Z", an offset, or nothing; *MS is what to subtract. */
static bool take_zone(struct slice text, size_t *at, int64_t *ms)
{
    unsigned hours;
    unsigned minutes = 0;
    bool west;

    *ms = 0;
    if (*at == text.len || take_char(text, at, 'Z')) {
        return true;
    }
    west = take_char(text, at, '-');
    if ((!west && !take_char(text, at, '+')) || !take_digits(text, at, 2, &hours)) {
        return false;
    }
    if (*at < text.len) {
        take_char(text, at, ':');
        if (!take_digits(text, at, 2, &minutes)) {
            return false;
        }
    }
    if (hours > 15 || minutes > 59) {
        return false;
    }
    *ms = (hours * 60LL + minutes) * 60000 * (west ? -1 : 1);
    return true;
}

bool timestamp_parse(struct slice text, int64_t *ms)
{
    size_t at = 0;
    int64_t days;
    int64_t time_ms = 0;
    int64_t zone_ms = 0;
    int64_t value;

    if (!take_date(text, &at, &days)) {
        return false;
    }
    if (at < text.len) {
        if ((!take_char(text, &at, 'T') && !take_char(text, &at, ' ')) ||
            !take_time(text, &at, &time_ms) || !take_zone(text, &at, &zone_ms)) {
            return false;
        }
    }
    value = days * MS_A_DAY + time_ms - zone_ms;
    if (at != text.len || value < TIMESTAMP_MIN || value > TIMESTAMP_MAX) {
        return false;
    }
    *ms = value;
    return true;
}

static void put_pair(char *p, unsigned value)
{
    memcpy(p, number_digit_pairs + 2 * (size_t)value, 2);
}

void timestamp_write(char *p, int64_t ms)
{
    int64_t days = ms / MS_A_DAY;
    int64_t rest_ms = ms % MS_A_DAY;
    unsigned rest;
    unsigned year;
    unsigned month;
    unsigned day;

    if (rest_ms < 0) {
        rest_ms += MS_A_DAY;
        days--;
    }
    civil_from_days(days, &year, &month, &day);
    rest = (unsigned)rest_ms;
    memcpy(p, "0000-00-00T00:00:00.000Z", TIMESTAMP_TEXT_LEN);
    put_pair(p, year / 100);
    put_pair(p + 2, year % 100);
    put_pair(p + 5, month);
    put_pair(p + 8, day);
    put_pair(p + 11, rest / 3600000);
    put_pair(p + 14, rest / 60000 % 60);
    put_pair(p + 17, rest / 1000 % 60);
    put_pair(p + 20, rest % 1000 / 10);
    p[22] = (char)('0' + rest % 10);
}

int64_t timestamp_now_ms(void)
{
    return clock_read_ms(CLOCK_REALTIME);
}
