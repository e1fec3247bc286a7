#include "source/source_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct source_record source_record_none = {.keeps_rejects = false};

void source_record_hash_text(uint64_t hash, char *text)
{
    snprintf(text, RECORD_HASH_MAX, "%016" PRIx64, hash);
}

uint64_t source_record_hash(const char *text)
{
    bool is_hash = strlen(text) == RECORD_HASH_MAX - 1 &&
                   strspn(text, "0123456789abcdef") == RECORD_HASH_MAX - 1;

    return is_hash ? strtoull(text, NULL, 16) : 0;
}
