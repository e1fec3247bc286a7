#include "replica/trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/file.h"

enum { IDS_TEXT_MAX = TRUST_KEYS_MAX * (KEY_ID_LEN + 2) + 16 };

static bool has_key(const struct trust *trust, const struct public_key *key)
{
    for (unsigned i = 0; i < trust->count; i++) {
        if (memcmp(trust->keys[i].bytes, key->bytes, sizeof key->bytes) == 0) {
            return true;
        }
    }
    return false;
}

enum err trust_add(struct trust *trust, const struct public_key *key, struct errmsg *msg)
{
    if (has_key(trust, key)) {
        return ERR_NONE;
    }
    if (trust->count == TRUST_KEYS_MAX) {
        return err_set(msg, ERR_LIMIT, "more than %d keys are trusted; remove the oldest",
                       TRUST_KEYS_MAX);
    }
    trust->keys[trust->count++] = *key;
    return ERR_NONE;
}

/* ---- files of keys ---- */

static enum err add_line(struct trust *trust, const char *path, unsigned number, struct slice line,
                         struct errmsg *msg)
{
    struct public_key key;
    struct key_id written;
    struct key_id id;

    if (!key_line_read(line, PUBLIC_KEY_WORD, key.bytes, sizeof key.bytes, &written)) {
        return err_set(msg, ERR_INPUT,
                       "%s:%u: this is not a public key; `vitrine keygen` writes them to NAME.pub",
                       path, number);
    }
    id = key_id_of(&key);
    if (strcmp(id.text, written.text) != 0) {
        return err_set(msg, ERR_INPUT,
                       "%s:%u: the key is %s, not %s as the line says: copy it again", path, number,
                       id.text, written.text);
    }
    return trust_add(trust, &key, msg);
}

enum err trust_add_text(struct trust *trust, const char *path, struct slice text,
                        struct errmsg *msg)
{
    bool found = false;

    for (unsigned number = 1; text.len > 0; number++) {
        struct slice line = slice_take_line(&text);
        enum err rc;

        if (line.len == 0 || line.ptr[0] == '#') {
            continue;
        }
        rc = add_line(trust, path, number, line, msg);
        if (rc != ERR_NONE) {
            return rc;
        }
        found = true;
    }
    /* An empty file would otherwise switch off what it is there for. */
    return found ? ERR_NONE
                 : err_set(msg, ERR_INPUT,
                           "%s: there is no key in it; add the line of a NAME.pub, or remove the "
                           "file to trust releases without a signature",
                           path);
}

enum err trust_add_file(struct trust *trust, const char *path, struct errmsg *msg)
{
    struct buffer text;
    enum err rc = signature_begin(msg);

    buffer_init(&text, TRUST_FILE_MAX);
    if (rc == ERR_NONE) {
        rc = file_read(path, &text, msg);
    }
    if (rc == ERR_NONE) {
        rc = trust_add_text(trust, path, buffer_slice(&text), msg);
    }
    buffer_free(&text);
    return rc;
}

enum err trust_add_root(struct trust *trust, const char *root, struct errmsg *msg)
{
    char *path = path_join(root, "trusted.pub");
    struct stat st;
    /* Only a name that is not there means that nobody is trusted by name: not one without access. */
    bool is_absent = lstat(path, &st) != 0 && errno == ENOENT;
    enum err rc = is_absent ? ERR_NONE : trust_add_file(trust, path, msg);

    free(path);
    return rc;
}

/* ---- the decision ---- */

/* "1a2b..., 3c4d..." */
static const char *list_ids(const struct trust *trust, char *text)
{
    size_t len = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < trust->count; i++) {
        len += (size_t)snprintf(text + len, IDS_TEXT_MAX - len, "%s%s", i == 0 ? "" : ", ",
                                key_id_of(&trust->keys[i]).text);
    }
    return text;
}

enum err trust_check(const struct trust *trust, const char *dir, struct slice manifest,
                     struct errmsg *msg)
{
    char ids[IDS_TEXT_MAX];
    struct signature signature;
    bool is_signed = false;
    enum err rc;

    if (trust->count == 0) {
        return ERR_NONE;
    }
    rc = signature_read(dir, &is_signed, &signature, msg);
    if (rc != ERR_NONE) {
        return rc;
    }
    if (!is_signed) {
        return err_set(msg, ERR_REFUSED,
                       "%s: the release is not signed (no manifest.sig); trusted is only what is "
                       "signed by %s: build it with --sign",
                       dir, list_ids(trust, ids));
    }
    for (unsigned i = 0; i < trust->count; i++) {
        if (strcmp(key_id_of(&trust->keys[i]).text, signature.signer.text) == 0) {
            return signature_fits(&signature, &trust->keys[i], manifest)
                       ? ERR_NONE
                       : err_set(msg, ERR_REFUSED,
                                 "%s/manifest.sig: the signature by %s does not fit manifest.json: "
                                 "one of them was changed or belongs to another release",
                                 dir, signature.signer.text);
        }
    }
    return err_set(msg, ERR_REFUSED,
                   "%s/manifest.sig: signed by %s, which is not trusted; trusted is only what is "
                   "signed by %s",
                   dir, signature.signer.text, list_ids(trust, ids));
}

enum err trust_check_signer(const struct trust *trust, const char *where,
                            const struct public_key *key, struct errmsg *msg)
{
    char ids[IDS_TEXT_MAX];

    if (trust->count == 0 || (key != NULL && has_key(trust, key))) {
        return ERR_NONE;
    }
    if (key == NULL) {
        return err_set(msg, ERR_REFUSED,
                       "%s trusts only releases that are signed by %s; build with --sign NAME.key",
                       where, list_ids(trust, ids));
    }
    return err_set(msg, ERR_REFUSED, "%s trusts only releases that are signed by %s, not by %s",
                   where, list_ids(trust, ids), key_id_of(key).text);
}
