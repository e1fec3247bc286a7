#include "replica/signature.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/file.h"

enum { BASE64 = sodium_base64_VARIANT_ORIGINAL };

_Static_assert((int)PUBLIC_KEY_SIZE == (int)crypto_sign_PUBLICKEYBYTES, "an Ed25519 key");
_Static_assert((int)SIGNATURE_SIZE == (int)crypto_sign_BYTES, "an Ed25519 signature");
_Static_assert(sizeof SIGNATURE_WORD + sodium_base64_ENCODED_LEN(SIGNATURE_SIZE, BASE64) +
                       KEY_ID_LEN + 2 <=
                   KEY_LINE_MAX,
               "the longest line");

enum err signature_begin(struct errmsg *msg)
{
    return sodium_init() < 0
               ? err_set(msg, ERR_SYSTEM, "libsodium cannot start: the system gives no randomness")
               : ERR_NONE;
}

struct key_id key_id_of(const struct public_key *key)
{
    uint8_t hash[crypto_generichash_BYTES_MIN];
    struct key_id id;

    crypto_generichash(hash, sizeof hash, key->bytes, sizeof key->bytes, NULL, 0);
    sodium_bin2hex(id.text, sizeof id.text, hash, KEY_ID_LEN / 2);
    return id;
}

/* ---- lines ---- */

void key_line_write(const char *word, const uint8_t *bytes, size_t size, const struct key_id *id,
                    char *line)
{
    size_t len = strlen(word);

    memcpy(line, word, len);
    line[len++] = ' ';
    sodium_bin2base64(line + len, KEY_LINE_MAX - len, bytes, size, BASE64);
    len += strlen(line + len);
    line[len++] = ' ';
    memcpy(line + len, id->text, KEY_ID_LEN);
    memcpy(line + len + KEY_ID_LEN, "\n", 2);
}

/* Takes WORD and a blank from the front of LINE. */
static bool take_word(struct slice *line, const char *word)
{
    size_t len = strlen(word);

    if (line->len <= len || memcmp(line->ptr, word, len) != 0 || line->ptr[len] != ' ') {
        return false;
    }
    *line = slice_of(line->ptr + len + 1, line->len - len - 1);
    return true;
}

/* libsodium's decoder takes a '/' whose top bit is set for a '/'. */
static bool is_ascii(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((text.ptr[i] & 0x80) != 0) {
            return false;
        }
    }
    return true;
}

bool key_line_read(struct slice line, const char *word, uint8_t *bytes, size_t size,
                   struct key_id *id)
{
    size_t encoded = sodium_base64_encoded_len(size, BASE64) - 1;
    size_t got;

    if (!take_word(&line, word) || line.len != encoded + 1 + KEY_ID_LEN ||
        line.ptr[encoded] != ' ' || !is_ascii(line) ||
        sodium_base642bin(bytes, size, line.ptr, encoded, NULL, &got, NULL, BASE64) != 0 ||
        got != size) {
        return false;
    }
    memcpy(id->text, line.ptr + encoded + 1, KEY_ID_LEN);
    id->text[KEY_ID_LEN] = '\0';
    return strspn(id->text, "0123456789abcdef") == KEY_ID_LEN;
}

/* ---- signatures ---- */

bool signature_fits(const struct signature *signature, const struct public_key *key,
                    struct slice text)
{
    return crypto_sign_verify_detached(signature->bytes, (const uint8_t *)text.ptr, text.len,
                                       key->bytes) == 0;
}

static enum err no_signature(const char *path, struct errmsg *msg)
{
    return err_set(msg, ERR_CORRUPT,
                   "%s: this is not a signature; fetch or build the release again", path);
}

enum err signature_parse(const char *path, struct slice text, struct signature *out,
                         struct errmsg *msg)
{
    struct signature read;

    if (text.len == 0 || text.ptr[text.len - 1] != '\n' ||
        !key_line_read(slice_of(text.ptr, text.len - 1), SIGNATURE_WORD, read.bytes,
                       sizeof read.bytes, &read.signer)) {
        return no_signature(path, msg);
    }
    *out = read;
    return ERR_NONE;
}

enum err signature_write(const char *dir, const struct signature *signature, struct errmsg *msg)
{
    char *path = path_join(dir, SIGNATURE_NAME);
    char line[KEY_LINE_MAX];
    enum err rc;

    key_line_write(SIGNATURE_WORD, signature->bytes, sizeof signature->bytes, &signature->signer,
                   line);
    rc = file_write(path, slice_str(line), msg);
    free(path);
    return rc;
}

enum err signature_read(const char *dir, bool *is_there, struct signature *out, struct errmsg *msg)
{
    char *path = path_join(dir, SIGNATURE_NAME);
    bool found = file_exists(path);
    struct buffer text;
    enum err rc = ERR_NONE;

    buffer_init(&text, KEY_LINE_MAX);
    if (found) {
        rc = file_read(path, &text, msg);
        rc = rc == ERR_LIMIT ? no_signature(path, msg) : rc;
    }
    if (found && rc == ERR_NONE) {
        rc = signature_parse(path, buffer_slice(&text), out, msg);
    }
    if (rc == ERR_NONE) {
        *is_there = found;
    }
    buffer_free(&text);
    free(path);
    return rc;
}
