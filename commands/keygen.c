/*
 * vitrine keygen: the key pair that releases are signed and trusted with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "commands/commands.h"
#include "replica/signing_key.h"

struct keygen_arguments {
    const char *out;
};

static const struct option options[] = {
    OPTION_TEXT("out", "NAME", "vitrine", struct keygen_arguments, out,
                "writes NAME.key and NAME.pub"),
    OPTION_END,
};

static enum err write_public(const struct public_key *key, const char *path, struct errmsg *msg)
{
    struct key_id id = key_id_of(key);
    char line[KEY_LINE_MAX];

    key_line_write(PUBLIC_KEY_WORD, key->bytes, sizeof key->bytes, &id, line);
    return file_write(path, slice_str(line), msg);
}

/* Both files or none; neither replaces one that is there. */
static enum err write_pair(const struct signing_key *key, const char *secret_path,
                           const char *public_path, struct errmsg *msg)
{
    enum err rc;

    if (file_exists(public_path)) {
        return err_set(msg, ERR_REFUSED, "%s is there already; choose another name", public_path);
    }
    rc = signing_key_write(key, secret_path, msg);
    if (rc != ERR_NONE) {
        return rc;
    }
    rc = write_public(signing_key_public(key), public_path, msg);
    if (rc != ERR_NONE) {
        unlink(secret_path);
    }
    return rc;
}

static enum err make_pair(const char *name, struct errmsg *msg)
{
    struct signing_key *key = NULL;
    char *secret_path = NULL;
    char *public_path = NULL;
    enum err rc = signing_key_generate(&key, msg);

    if (rc != ERR_NONE) {
        return rc;
    }
    if (asprintf(&secret_path, "%s.key", name) < 0 || asprintf(&public_path, "%s.pub", name) < 0) {
        abort();
    }
    rc = write_pair(key, secret_path, public_path, msg);
    if (rc == ERR_NONE) {
        printf("key %s\n"
               "  %s  secret: stays where releases are built; vitrine build --sign %s\n"
               "  %s  public: add it to ROOT/trusted.pub wherever releases are served\n",
               key_id_of(signing_key_public(key)).text, secret_path, secret_path, public_path);
    }
    free(secret_path);
    free(public_path);
    signing_key_free(key);
    return rc;
}

static enum err work(void *data, const struct arguments *arguments, struct errmsg *msg)
{
    const struct keygen_arguments *given = data;

    (void)arguments;
    return make_pair(given->out, msg);
}

const struct command command_keygen = {
    .name = "keygen",
    .usage = "[--out NAME]",
    .about = "makes the key pair that releases are signed with",
    .description =
        "Writes the secret NAME.key, which only its owner can read, and NAME.pub. A root "
        "that has a trusted.pub, or a command with --trust, takes only releases signed "
        "by the keys in there.",
    .options = options,
    .given_size = sizeof(struct keygen_arguments),
    .work = work,
};
