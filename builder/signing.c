#include "builder/signing.h"

#include <stdlib.h>

#include "base/file.h"
#include "replica/digest.h"
#include "replica/release.h"

enum err signing_check_root(const char *root, const struct signing_key *key, struct errmsg *msg)
{
    struct trust trust = {.count = 0};
    enum err rc = trust_add_root(&trust, root, msg);

    return rc == ERR_NONE
               ? trust_check_signer(&trust, root, key == NULL ? NULL : signing_key_public(key), msg)
               : rc;
}

bool signing_covers(const char *dir, const struct signing_key *key)
{
    struct trust trust = {.count = 0};
    struct manifest *manifest = NULL;
    struct errmsg ignored;
    enum err rc;

    if (key == NULL) {
        return true;
    }
    trust.keys[trust.count++] = *signing_key_public(key);
    rc = release_read_manifest(dir, &(struct release_check){.trust = &trust}, &manifest, &ignored);
    manifest_free(manifest);
    return rc == ERR_NONE;
}

enum err signing_digest(const char *dir, const struct signing_key *key, struct manifest_file *files,
                        unsigned count, struct errmsg *msg)
{
    enum err rc = ERR_NONE;

    for (unsigned i = 0; key != NULL && rc == ERR_NONE && i < count; i++) {
        char *path = path_join(dir, "%.*s", SLICE_ARG(files[i].path));

        rc = file_digest(path, files[i].digest, msg);
        files[i].has_digest = rc == ERR_NONE;
        free(path);
    }
    return rc;
}

enum err signing_write(const char *dir, const struct signing_key *key, struct slice manifest,
                       struct errmsg *msg)
{
    struct signature signature;

    if (key == NULL) {
        return ERR_NONE;
    }
    signing_key_sign(key, manifest, &signature);
    return signature_write(dir, &signature, msg);
}
