#include "source/source_record.h"

#include "base/number.h"

const struct source_record source_record_none = {.keeps_rejects = false};

void source_record_hash_text(uint64_t hash, char *text)
{
    write_hex(text, hash);
    text[HEX_TEXT_LEN] = '\0';
}

uint64_t source_record_hash(const char *text)
{
    uint64_t hash = 0;

    return parse_hex(slice_str(text), &hash) ? hash : 0;
}
