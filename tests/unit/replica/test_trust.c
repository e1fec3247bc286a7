#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "replica/signing_key.h"
#include "replica/trust.h"

enum { KEYS = 3 };

static const char manifest[] = "{\"release\": 7}";

/* A folder with a file of each key, which stands for a release and for a root. */
struct fixture {
    char folder[64];
    struct signing_key *keys[KEYS];
    char ids[KEYS][KEY_ID_LEN + 1];
    char lines[KEYS][KEY_LINE_MAX]; /* of the public keys */
    struct trust trust;
    struct errmsg msg;
};

static int setup(void **state)
{
    struct fixture *fixture = memory_calloc(1, sizeof *fixture);

    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/vitrine_trust_XXXXXX");
    if (mkdtemp(fixture->folder) == NULL) {
        return -1;
    }
    for (unsigned i = 0; i < KEYS; i++) {
        uint8_t seed[32] = {(uint8_t)(i + 1)};
        struct key_id id;

        if (signing_key_from_seed(seed, &fixture->keys[i], &fixture->msg) != ERR_NONE) {
            return -1;
        }
        id = key_id_of(signing_key_public(fixture->keys[i]));
        memcpy(fixture->ids[i], id.text, sizeof id.text);
        key_line_write(PUBLIC_KEY_WORD, signing_key_public(fixture->keys[i])->bytes,
                       PUBLIC_KEY_SIZE, &id, fixture->lines[i]);
    }
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    enum err rc = dir_remove(fixture->folder, &fixture->msg);

    for (unsigned i = 0; i < KEYS; i++) {
        signing_key_free(fixture->keys[i]);
    }
    free(fixture);
    return rc == ERR_NONE ? 0 : -1;
}

static void write_text(struct fixture *fixture, const char *name, const char *text)
{
    char *path = path_join(fixture->folder, "%s", name);

    assert_int_equal(file_write(path, slice_str(text), &fixture->msg), ERR_NONE);
    free(path);
}

static void trust_key(struct fixture *fixture, unsigned key)
{
    assert_int_equal(
        trust_add(&fixture->trust, signing_key_public(fixture->keys[key]), &fixture->msg),
        ERR_NONE);
}

/* Signs TEXT with KEY into the folder. */
static void sign(struct fixture *fixture, unsigned key, const char *text)
{
    struct signature signature;

    signing_key_sign(fixture->keys[key], slice_str(text), &signature);
    assert_int_equal(signature_write(fixture->folder, &signature, &fixture->msg), ERR_NONE);
}

static enum err check(struct fixture *fixture)
{
    return trust_check(&fixture->trust, fixture->folder, slice_str(manifest), &fixture->msg);
}

/* The message is what FMT says. */
static void assert_message(const struct fixture *fixture, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void assert_message(const struct fixture *fixture, const char *fmt, ...)
{
    char expected[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(expected, sizeof expected, fmt, args);
    va_end(args);
    assert_string_equal(fixture->msg.text, expected);
}

static enum err add_text(struct fixture *fixture, const char *text)
{
    return trust_add_text(&fixture->trust, "t.pub", slice_str(text), &fixture->msg);
}

/* ---- the decision ---- */

static void without_a_trusted_key_nothing_needs_a_signature(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(check(fixture), ERR_NONE);
    sign(fixture, 0, "something else");
    assert_int_equal(check(fixture), ERR_NONE);
}

static void what_a_trusted_key_signed_passes(void **state)
{
    struct fixture *fixture = *state;

    trust_key(fixture, 0);
    trust_key(fixture, 1);
    for (unsigned i = 0; i < 2; i++) {
        sign(fixture, i, manifest);
        assert_int_equal(check(fixture), ERR_NONE);
    }
}

static void what_is_not_signed_is_refused(void **state)
{
    struct fixture *fixture = *state;

    trust_key(fixture, 0);
    trust_key(fixture, 2);
    assert_int_equal(check(fixture), ERR_REFUSED);
    assert_message(
        fixture,
        "%s: the release is not signed (no manifest.sig); trusted is only what is signed "
        "by %s, %s: build it with --sign",
        fixture->folder, fixture->ids[0], fixture->ids[2]);
}

static void what_another_key_signed_is_refused(void **state)
{
    struct fixture *fixture = *state;

    trust_key(fixture, 0);
    sign(fixture, 1, manifest);
    assert_int_equal(check(fixture), ERR_REFUSED);
    assert_message(fixture,
                   "%s/manifest.sig: signed by %s, which is not trusted; trusted is only what is "
                   "signed by %s",
                   fixture->folder, fixture->ids[1], fixture->ids[0]);
}

static void a_signature_of_another_manifest_is_refused(void **state)
{
    struct fixture *fixture = *state;

    trust_key(fixture, 0);
    sign(fixture, 0, "{\"release\": 8}");
    assert_int_equal(check(fixture), ERR_REFUSED);
    assert_message(fixture,
                   "%s/manifest.sig: the signature by %s does not fit manifest.json: one of them "
                   "was changed or belongs to another release",
                   fixture->folder, fixture->ids[0]);
}

/* Whoever has no key of ours cannot borrow the name of one. */
static void a_signature_under_a_trusted_name_by_another_key_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct signature signature;

    trust_key(fixture, 0);
    signing_key_sign(fixture->keys[1], slice_str(manifest), &signature);
    memcpy(signature.signer.text, fixture->ids[0], KEY_ID_LEN + 1);
    assert_int_equal(signature_write(fixture->folder, &signature, &fixture->msg), ERR_NONE);
    assert_int_equal(check(fixture), ERR_REFUSED);
}

static void what_is_no_signature_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char text[4096] = "";

    trust_key(fixture, 0);
    for (size_t len = 0; len < sizeof text; len += 39) {
        memset(text, 'A', len);
        write_text(fixture, "manifest.sig", text);
        assert_int_equal(check(fixture), ERR_CORRUPT);
        assert_message(fixture,
                       "%s/manifest.sig: this is not a signature; fetch or build the release again",
                       fixture->folder);
    }
}

static void a_builder_learns_beforehand_that_it_is_not_trusted(void **state)
{
    struct fixture *fixture = *state;
    const struct public_key *key = signing_key_public(fixture->keys[0]);

    assert_int_equal(trust_check_signer(&fixture->trust, "r", NULL, &fixture->msg), ERR_NONE);
    assert_int_equal(trust_check_signer(&fixture->trust, "r", key, &fixture->msg), ERR_NONE);
    trust_key(fixture, 1);
    assert_int_equal(trust_check_signer(&fixture->trust, "r", NULL, &fixture->msg), ERR_REFUSED);
    assert_message(fixture,
                   "r trusts only releases that are signed by %s; build with --sign NAME.key",
                   fixture->ids[1]);
    assert_int_equal(trust_check_signer(&fixture->trust, "r", key, &fixture->msg), ERR_REFUSED);
    assert_message(fixture, "r trusts only releases that are signed by %s, not by %s",
                   fixture->ids[1], fixture->ids[0]);
    trust_key(fixture, 0);
    assert_int_equal(trust_check_signer(&fixture->trust, "r", key, &fixture->msg), ERR_NONE);
}

/* ---- files of keys ---- */

static void a_file_may_hold_several_keys_and_remarks(void **state)
{
    struct fixture *fixture = *state;
    char text[4 * KEY_LINE_MAX];

    snprintf(text, sizeof text, "# until June\n%s\n# from May on\n%s%s", fixture->lines[0],
             fixture->lines[1], fixture->lines[0]);
    assert_int_equal(add_text(fixture, text), ERR_NONE);
    assert_int_equal(fixture->trust.count, 2);
    text[strlen(text) - 1] = '\0'; /* the last line feed may be missing */
    assert_int_equal(add_text(fixture, text), ERR_NONE);
    assert_int_equal(fixture->trust.count, 2);
}

static void a_file_without_a_key_is_refused(void **state)
{
    static const char *const texts[] = {"", "\n\n", "# nobody\n"};
    struct fixture *fixture = *state;

    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(add_text(fixture, texts[i]), ERR_INPUT);
        assert_message(fixture, "t.pub: there is no key in it; add the line of a NAME.pub, or "
                                "remove the file to trust releases without a signature");
    }
}

static void a_line_that_is_no_public_key_is_named(void **state)
{
    static const char *const lines[] = {"x", "ed25519", " ed25519 AAAA", "ed25519-secret AAAA 00"};
    struct fixture *fixture = *state;

    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[2 * KEY_LINE_MAX];

        snprintf(text, sizeof text, "%s%s\n", fixture->lines[0], lines[i]);
        assert_int_equal(add_text(fixture, text), ERR_INPUT);
        assert_message(fixture, "t.pub:2: this is not a public key; `vitrine keygen` writes them "
                                "to NAME.pub");
    }
}

static void a_damaged_key_does_not_fit_its_id(void **state)
{
    struct fixture *fixture = *state;
    char expected[96];

    fixture->lines[0][strlen("ed25519 ") + 3] ^= 1;
    assert_int_equal(add_text(fixture, fixture->lines[0]), ERR_INPUT);
    snprintf(expected, sizeof expected, "not %s as the line says: copy it again", fixture->ids[0]);
    assert_memory_equal(fixture->msg.text, "t.pub:1: the key is ", 20);
    assert_non_null(strstr(fixture->msg.text, expected));
}

static void more_keys_than_there_is_room_for_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct public_key key = {{0}};

    for (unsigned i = 0; i < TRUST_KEYS_MAX; i++) {
        key.bytes[0] = (uint8_t)i;
        assert_int_equal(trust_add(&fixture->trust, &key, &fixture->msg), ERR_NONE);
    }
    key.bytes[1] = 1;
    assert_int_equal(trust_add(&fixture->trust, &key, &fixture->msg), ERR_LIMIT);
    assert_message(fixture, "more than 16 keys are trusted; remove the oldest");
}

/* ---- a root ---- */

static void a_root_without_trusted_keys_adds_none(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(trust_add_root(&fixture->trust, fixture->folder, &fixture->msg), ERR_NONE);
    assert_int_equal(fixture->trust.count, 0);
}

static void the_keys_of_a_root_join_those_that_were_given(void **state)
{
    struct fixture *fixture = *state;

    trust_key(fixture, 0);
    write_text(fixture, "trusted.pub", fixture->lines[1]);
    assert_int_equal(trust_add_root(&fixture->trust, fixture->folder, &fixture->msg), ERR_NONE);
    assert_int_equal(fixture->trust.count, 2);
}

/* An emptied or broken file must not make a root trust everybody. */
static void trusted_keys_that_cannot_be_read_are_an_error(void **state)
{
    struct fixture *fixture = *state;
    char *path = path_join(fixture->folder, "trusted.pub");

    write_text(fixture, "trusted.pub", "");
    assert_int_equal(trust_add_root(&fixture->trust, fixture->folder, &fixture->msg), ERR_INPUT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("nowhere", path), 0);
    assert_int_equal(trust_add_root(&fixture->trust, fixture->folder, &fixture->msg), ERR_SYSTEM);
    assert_message(fixture, "open %s: No such file or directory", path);
    free(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(without_a_trusted_key_nothing_needs_a_signature),
        TEST(what_a_trusted_key_signed_passes),
        TEST(what_is_not_signed_is_refused),
        TEST(what_another_key_signed_is_refused),
        TEST(a_signature_of_another_manifest_is_refused),
        TEST(a_signature_under_a_trusted_name_by_another_key_is_refused),
        TEST(what_is_no_signature_is_refused),
        TEST(a_builder_learns_beforehand_that_it_is_not_trusted),
        TEST(a_file_may_hold_several_keys_and_remarks),
        TEST(a_file_without_a_key_is_refused),
        TEST(a_line_that_is_no_public_key_is_named),
        TEST(a_damaged_key_does_not_fit_its_id),
        TEST(more_keys_than_there_is_room_for_are_refused),
        TEST(a_root_without_trusted_keys_adds_none),
        TEST(the_keys_of_a_root_join_those_that_were_given),
        TEST(trusted_keys_that_cannot_be_read_are_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
