#include "replica/s3_place.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"

enum { BUCKET_LEN_LEAST = 3, BUCKET_LEN_MOST = 63, PREFIX_LEN_MOST = 512 };

static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789";
static const char in_bucket[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
static const char in_prefix[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ._-";

static enum err unreadable(const char *text, const char *why, struct errmsg *msg)
{
    return err_set(msg, ERR_USAGE,
                   "a bucket is written as s3://BUCKET or s3://BUCKET/PREFIX; \"%s\" %s", text,
                   why);
}

/* The rule of S3 for new buckets; what it allows cannot be mistaken for anything else. */
static bool bucket_is_good(struct slice name)
{
    return name.len >= BUCKET_LEN_LEAST && name.len <= BUCKET_LEN_MOST &&
           strspn(name.ptr, in_bucket) >= name.len && strchr(lower, name.ptr[0]) != NULL &&
           strchr(lower, name.ptr[name.len - 1]) != NULL;
}

static bool part_is_good(struct slice part)
{
    return part.len > 0 && strspn(part.ptr, in_prefix) >= part.len && !slice_is(part, ".") &&
           !slice_is(part, "..");
}

static bool prefix_is_good(struct slice prefix)
{
    if (prefix.len > PREFIX_LEN_MOST) {
        return false;
    }
    for (size_t at = 0; at < prefix.len;) {
        const char *slash = memchr(prefix.ptr + at, '/', prefix.len - at);
        size_t end = slash == NULL ? prefix.len : (size_t)(slash - prefix.ptr);

        if (!part_is_good(slice_of(prefix.ptr + at, end - at))) {
            return false;
        }
        at = end + 1;
    }
    return true;
}

enum err s3_place_parse(const char *text, struct s3_place *out, struct errmsg *msg)
{
    const char *bucket = text + strlen(S3_SCHEME);
    size_t bucket_len;
    struct slice prefix;

    if (strncmp(text, S3_SCHEME, strlen(S3_SCHEME)) != 0) {
        return unreadable(text, "is neither", msg);
    }
    bucket_len = strcspn(bucket, "/");
    if (!bucket_is_good(slice_of(bucket, bucket_len))) {
        return unreadable(text,
                          "has a bucket that is not 3 to 63 lower-case letters, digits, dots and "
                          "hyphens, with a letter or digit at both ends",
                          msg);
    }
    prefix = slice_str(bucket + bucket_len + (bucket[bucket_len] == '/' ? 1 : 0));
    while (prefix.len > 0 && prefix.ptr[prefix.len - 1] == '/') {
        prefix.len--;
    }
    if (!prefix_is_good(prefix)) {
        return unreadable(text,
                          "has a prefix that is not letters, digits, dots, hyphens and underscores "
                          "between single slashes",
                          msg);
    }
    *out = (struct s3_place){.text = text};
    if (asprintf(&out->path, "%.*s/%.*s%s", (int)bucket_len, bucket, SLICE_ARG(prefix),
                 prefix.len > 0 ? "/" : "") < 0) {
        abort();
    }
    return ERR_NONE;
}

void s3_place_free(struct s3_place *place)
{
    free(place->path);
}
