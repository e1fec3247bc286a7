#include "builder/kept_key.h"

void kept_key_init(struct kept_key *kept)
{
    *kept = (struct kept_key){.is_set = false};
    buffer_init(&kept->text, SIZE_MAX / 2);
}

void kept_key_free(struct kept_key *kept)
{
    buffer_free(&kept->text);
}

void kept_key_set(struct kept_key *kept, const struct key *key)
{
    kept->is_set = true;
    kept->key = *key;
    if (key->is_text) {
        buffer_clear(&kept->text);
        buffer_append_slice(&kept->text, key->text);
        kept->key.text = buffer_slice(&kept->text);
    }
}
