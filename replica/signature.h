/*
 * Ed25519 signatures, and the one line of text that a key or a signature is written as:
 *
 *   ed25519 BASE64 ID               a public key (32 bytes)
 *   ed25519-secret BASE64 ID        the seed of a key pair (32 bytes)
 *   ed25519-signature BASE64 ID     a signature (64 bytes) by the key ID
 *
 * ID is that of the public key: 16 hexadecimal digits, its hash. It is there for people, and so that
 * a key whose line was damaged is noticed; who signed is decided by the signature alone.
 *
 * A release is signed by DIR/manifest.sig, over the bytes of DIR/manifest.json.
 *
 * Thread-safety: no state, once signature_begin has succeeded.
 */
#ifndef VITRINE_REPLICA_SIGNATURE_H
#define VITRINE_REPLICA_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define SIGNATURE_NAME "manifest.sig" /* in the folder of a release that is signed */

enum {
    PUBLIC_KEY_SIZE = 32,
    SIGNATURE_SIZE = 64,
    KEY_ID_LEN = 16,
    KEY_LINE_MAX = 160, /* bytes of a line with its line feed and a NUL */
};

#define PUBLIC_KEY_WORD "ed25519"
#define SECRET_KEY_WORD "ed25519-secret"
#define SIGNATURE_WORD "ed25519-signature"

struct key_id {
    char text[KEY_ID_LEN + 1];
};

struct public_key {
    uint8_t bytes[PUBLIC_KEY_SIZE];
};

struct signature {
    uint8_t bytes[SIGNATURE_SIZE];
    struct key_id signer;
};

/* Before anything else of this file; may be called again. ERR_SYSTEM: there is no randomness. */
MUST_CHECK enum err signature_begin(struct errmsg *msg);

struct key_id key_id_of(const struct public_key *key);

/* Writes "WORD BASE64 ID\n" and a NUL to LINE, which has KEY_LINE_MAX bytes. */
void key_line_write(const char *word, const uint8_t *bytes, size_t size, const struct key_id *id,
                    char *line);

/*
 * Reads such a line, without its line feed, into SIZE bytes at BYTES, and ID. False when it is
 * anything else; BYTES may be written then.
 */
bool key_line_read(struct slice line, const char *word, uint8_t *bytes, size_t size,
                   struct key_id *id);

/* Whether SIGNATURE was made with the secret of KEY over exactly TEXT. */
bool signature_fits(const struct signature *signature, const struct public_key *key,
                    struct slice text);

/* The text of a manifest.sig: one line. ERR_CORRUPT, with PATH, when it is no signature. */
MUST_CHECK enum err signature_parse(const char *path, struct slice text, struct signature *out,
                                    struct errmsg *msg);

/* Writes DIR/manifest.sig. */
MUST_CHECK enum err signature_write(const char *dir, const struct signature *signature,
                                    struct errmsg *msg);

/* Reads DIR/manifest.sig; *IS_THERE is false, and OUT is not written, when there is none. */
MUST_CHECK enum err signature_read(const char *dir, bool *is_there, struct signature *out,
                                   struct errmsg *msg);

#endif
