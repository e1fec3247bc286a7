#include "replica/signing_key.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { SEED_SIZE = crypto_sign_SEEDBYTES };

struct signing_key {
    uint8_t seed[SEED_SIZE];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    struct public_key public;
    char line[KEY_LINE_MAX]; /* the text of its file, while that is read or written */
};

static enum err make(struct signing_key **out, struct errmsg *msg)
{
    enum err rc = signature_begin(msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    *out = sodium_malloc(sizeof **out);
    if (*out == NULL) {
        return err_sys(msg, errno, "lock memory for a secret key");
    }
    sodium_memzero(*out, sizeof **out);
    return ERR_NONE;
}

static void complete(struct signing_key *key)
{
    crypto_sign_seed_keypair(key->public.bytes, key->secret, key->seed);
}

enum err signing_key_from_seed(const uint8_t *seed, struct signing_key **out, struct errmsg *msg)
{
    enum err rc = make(out, msg);

    if (rc == ERR_NONE) {
        memcpy((*out)->seed, seed, SEED_SIZE);
        complete(*out);
    }
    return rc;
}

enum err signing_key_generate(struct signing_key **out, struct errmsg *msg)
{
    enum err rc = make(out, msg);

    if (rc == ERR_NONE) {
        randombytes_buf((*out)->seed, SEED_SIZE);
        complete(*out);
    }
    return rc;
}

/* ---- the file ---- */

/* The secret goes from the file straight into locked memory: no buffer keeps a copy. */
static enum err read_line(int fd, const char *path, char *line, size_t *len, struct errmsg *msg)
{
    struct stat st;
    ssize_t got;

    if (fstat(fd, &st) != 0) {
        return err_sys(msg, errno, "stat %s", path);
    }
    if (S_ISREG(st.st_mode) && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return err_set(msg, ERR_REFUSED,
                       "%s: others than its owner may use this secret key; chmod 600 %s", path,
                       path);
    }
    got = read(fd, line, KEY_LINE_MAX);
    if (got < 0) {
        return err_sys(msg, errno, "read %s", path);
    }
    *len = (size_t)got;
    return ERR_NONE;
}

static enum err parse_line(struct signing_key *key, size_t len, const char *path,
                           struct errmsg *msg)
{
    static const char public_word[] = PUBLIC_KEY_WORD " ";
    struct key_id written;
    struct key_id id;

    if (len >= sizeof public_word && memcmp(key->line, public_word, sizeof public_word - 1) == 0) {
        return err_set(msg, ERR_INPUT,
                       "%s: this is a public key; releases are signed with the NAME.key that "
                       "`vitrine keygen` made beside it",
                       path);
    }
    if (len == 0 || key->line[len - 1] != '\n' ||
        !key_line_read(slice_of(key->line, len - 1), SECRET_KEY_WORD, key->seed, SEED_SIZE,
                       &written)) {
        return err_set(msg, ERR_INPUT, "%s: this is not a secret key; `vitrine keygen` makes one",
                       path);
    }
    complete(key);
    id = key_id_of(&key->public);
    if (strcmp(id.text, written.text) != 0) {
        return err_set(msg, ERR_INPUT, "%s: the key is %s, not %s as the file says: it is damaged",
                       path, id.text, written.text);
    }
    return ERR_NONE;
}

enum err signing_key_read(const char *path, struct signing_key **out, struct errmsg *msg)
{
    struct signing_key *key = NULL;
    size_t len = 0;
    enum err rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return err_sys(msg, errno, "open %s", path);
    }
    rc = make(&key, msg);
    if (rc == ERR_NONE) {
        rc = read_line(fd, path, key->line, &len, msg);
    }
    if (rc == ERR_NONE) {
        rc = parse_line(key, len, path, msg);
    }
    close(fd);
    if (rc != ERR_NONE) {
        signing_key_free(key);
        return rc;
    }
    sodium_memzero(key->line, sizeof key->line);
    *out = key;
    return ERR_NONE;
}

static enum err write_line(int fd, const char *path, const char *line, struct errmsg *msg)
{
    ssize_t wrote = write(fd, line, strlen(line));

    if (wrote >= 0 && (size_t)wrote != strlen(line)) {
        errno = ENOSPC;
        wrote = -1;
    }
    return wrote < 0 || fsync(fd) != 0 ? err_sys(msg, errno, "write %s", path) : ERR_NONE;
}

enum err signing_key_write(const struct signing_key *key, const char *path, struct errmsg *msg)
{
    struct key_id id = key_id_of(&key->public);
    struct signing_key *copy = NULL;
    enum err rc = make(&copy, msg);
    int fd;

    if (rc != ERR_NONE) {
        return rc;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        rc = errno == EEXIST
                 ? err_set(msg, ERR_REFUSED, "%s is there already; choose another name", path)
                 : err_sys(msg, errno, "create %s", path);
        goto out;
    }
    key_line_write(SECRET_KEY_WORD, key->seed, SEED_SIZE, &id, copy->line);
    rc = write_line(fd, path, copy->line, msg);
    close(fd);
    if (rc != ERR_NONE) {
        unlink(path);
    }
out:
    signing_key_free(copy);
    return rc;
}

const struct public_key *signing_key_public(const struct signing_key *key)
{
    return &key->public;
}

void signing_key_sign(const struct signing_key *key, struct slice text, struct signature *out)
{
    crypto_sign_detached(out->bytes, NULL, (const uint8_t *)text.ptr, text.len, key->secret);
    out->signer = key_id_of(&key->public);
}

void signing_key_free(struct signing_key *key)
{
    sodium_free(key); /* wipes it */
}
