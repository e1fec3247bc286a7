/* Retention in a bucket. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "replica/publish_inside.h"

enum { LISTING_MAX = 16 << 20 };

/* The release that LINE, "000042/", is the folder of. */
static bool read_number(struct slice line, uint64_t *number)
{
    char name[RELEASE_NAME_MAX];

    if (line.len < 2 || line.len > sizeof name || line.ptr[line.len - 1] != '/') {
        return false;
    }
    snprintf(name, sizeof name, "%.*s", (int)line.len - 1, line.ptr);
    return release_number(name, number);
}

static int compare_newest_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x < y) - (x > y);
}

/* The releases in LISTING but ours, the newest first, on the heap. What else is there is not ours. */
static uint64_t *read_others(const struct publishing *publish, struct slice listing, size_t *count)
{
    uint64_t *numbers = memory_calloc(listing.len + 1, sizeof *numbers);

    *count = 0;
    while (listing.len > 0) {
        uint64_t number;

        if (read_number(slice_take_line(&listing), &number) && number != publish->ours.number) {
            numbers[(*count)++] = number;
        }
    }
    qsort(numbers, *count, sizeof *numbers, compare_newest_first);
    return numbers;
}

static enum err remove_release(struct publishing *publish, uint64_t number, struct errmsg *msg)
{
    char name[RELEASE_NAME_MAX];
    char folder[48];
    enum err rc;

    snprintf(folder, sizeof folder, "releases/%s/", release_name(name, number));
    rc = s3_remove(&publish->bucket, folder, msg);
    publish->result->removed_count += rc == ERR_NONE;
    return rc;
}

enum err publish_retire(struct publishing *publish, struct errmsg *msg)
{
    size_t keep = (size_t)publish->options->keep - 1; /* beside ours */
    uint64_t *numbers = NULL;
    size_t count = 0;
    struct buffer listing;
    enum err rc;

    buffer_init(&listing, LISTING_MAX);
    rc = s3_list_folders(&publish->bucket, "releases/", &listing, msg);
    if (rc == ERR_NONE) {
        numbers = read_others(publish, buffer_slice(&listing), &count);
    }
    for (size_t i = keep; rc == ERR_NONE && i < count; i++) {
        rc = remove_release(publish, numbers[i], msg);
    }
    free(numbers);
    buffer_free(&listing);
    return rc;
}
