#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "replica/signing_key.h"

struct fixture {
    char folder[64];
    char *path; /* of the secret key */
    struct signing_key *key;
    struct errmsg msg;
};

static int setup(void **state)
{
    struct fixture *fixture = memory_calloc(1, sizeof *fixture);

    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/vitrine_key_XXXXXX");
    if (mkdtemp(fixture->folder) == NULL ||
        signing_key_generate(&fixture->key, &fixture->msg) != ERR_NONE) {
        return -1;
    }
    fixture->path = path_join(fixture->folder, "a.key");
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    enum err rc = dir_remove(fixture->folder, &fixture->msg);

    signing_key_free(fixture->key);
    free(fixture->path);
    free(fixture);
    return rc == ERR_NONE ? 0 : -1;
}

static void write_key(struct fixture *fixture)
{
    assert_int_equal(signing_key_write(fixture->key, fixture->path, &fixture->msg), ERR_NONE);
}

/* Reading is refused with "PATH: WHAT". */
static void assert_refused(struct fixture *fixture, enum err code, const char *what)
{
    struct signing_key *read = NULL;
    char expected[256];

    assert_int_equal(signing_key_read(fixture->path, &read, &fixture->msg), code);
    assert_null(read);
    snprintf(expected, sizeof expected, "%s: %s", fixture->path, what);
    assert_string_equal(fixture->msg.text, expected);
}

static void replace(struct fixture *fixture, struct slice text)
{
    assert_int_equal(file_write(fixture->path, text, &fixture->msg), ERR_NONE);
    assert_int_equal(chmod(fixture->path, 0600), 0);
}

static void what_is_written_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct signing_key *read;
    struct signature a;
    struct signature b;

    write_key(fixture);
    assert_int_equal(signing_key_read(fixture->path, &read, &fixture->msg), ERR_NONE);
    signing_key_sign(fixture->key, slice_str("text"), &a);
    signing_key_sign(read, slice_str("text"), &b);
    assert_memory_equal(a.bytes, b.bytes, sizeof a.bytes);
    assert_string_equal(a.signer.text, b.signer.text);
    signing_key_free(read);
}

static void two_keys_differ(void **state)
{
    struct fixture *fixture = *state;
    struct signing_key *other;

    assert_int_equal(signing_key_generate(&other, &fixture->msg), ERR_NONE);
    assert_memory_not_equal(signing_key_public(other)->bytes,
                            signing_key_public(fixture->key)->bytes, PUBLIC_KEY_SIZE);
    signing_key_free(other);
}

static void only_the_owner_can_read_the_file(void **state)
{
    struct fixture *fixture = *state;
    mode_t mask = umask(0);
    struct stat st;

    write_key(fixture);
    umask(mask);
    assert_int_equal(stat(fixture->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_key_that_others_may_use_is_refused(void **state)
{
    static const mode_t modes[] = {0640, 0620, 0604, 0644, 0601};
    struct fixture *fixture = *state;
    char what[256];

    write_key(fixture);
    snprintf(what, sizeof what, "others than its owner may use this secret key; chmod 600 %s",
             fixture->path);
    for (unsigned i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(fixture->path, modes[i]), 0);
        assert_refused(fixture, ERR_REFUSED, what);
    }
}

static void a_file_that_is_there_is_not_replaced(void **state)
{
    struct fixture *fixture = *state;
    char expected[128];
    struct buffer text;

    replace(fixture, slice_str("precious"));
    assert_int_equal(signing_key_write(fixture->key, fixture->path, &fixture->msg), ERR_REFUSED);
    snprintf(expected, sizeof expected, "%s is there already; choose another name", fixture->path);
    assert_string_equal(fixture->msg.text, expected);
    buffer_init(&text, 64);
    assert_int_equal(file_read(fixture->path, &text, &fixture->msg), ERR_NONE);
    assert_true(slice_is(buffer_slice(&text), "precious"));
    buffer_free(&text);
}

static void what_is_no_secret_key_is_refused(void **state)
{
    static const char what[] = "this is not a secret key; `vitrine keygen` makes one";
    struct fixture *fixture = *state;
    struct buffer text;

    write_key(fixture);
    buffer_init(&text, KEY_LINE_MAX);
    assert_int_equal(file_read(fixture->path, &text, &fixture->msg), ERR_NONE);
    for (size_t len = 0; len < text.len; len++) {
        replace(fixture, slice_of(text.ptr, len));
        assert_refused(fixture, ERR_INPUT, what);
    }
    buffer_append_byte(&text, '\n');
    replace(fixture, buffer_slice(&text));
    assert_refused(fixture, ERR_INPUT, what);
    buffer_free(&text);
}

static void a_public_key_is_called_by_its_name(void **state)
{
    struct fixture *fixture = *state;
    struct key_id id = key_id_of(signing_key_public(fixture->key));
    char line[KEY_LINE_MAX];

    key_line_write(PUBLIC_KEY_WORD, signing_key_public(fixture->key)->bytes, PUBLIC_KEY_SIZE, &id,
                   line);
    replace(fixture, slice_str(line));
    assert_refused(fixture, ERR_INPUT,
                   "this is a public key; releases are signed with the NAME.key that `vitrine "
                   "keygen` made beside it");
}

static void a_damaged_secret_does_not_fit_its_id(void **state)
{
    struct fixture *fixture = *state;
    struct buffer text;
    char expected[256];
    struct signing_key *read = NULL;
    char *place;

    write_key(fixture);
    buffer_init(&text, KEY_LINE_MAX);
    assert_int_equal(file_read(fixture->path, &text, &fixture->msg), ERR_NONE);
    place = text.ptr + strlen("ed25519-secret ") + 5;
    *place = *place == 'A' ? 'B' : 'A';
    replace(fixture, buffer_slice(&text));
    assert_int_equal(signing_key_read(fixture->path, &read, &fixture->msg), ERR_INPUT);
    snprintf(expected, sizeof expected, "not %s as the file says: it is damaged",
             key_id_of(signing_key_public(fixture->key)).text);
    assert_non_null(strstr(fixture->msg.text, expected));
    buffer_free(&text);
}

static void a_key_that_is_not_there_is_a_system_error(void **state)
{
    struct signing_key *read = NULL;
    struct errmsg msg;

    (void)state;
    assert_int_equal(signing_key_read("/nonexistent/a.key", &read, &msg), ERR_SYSTEM);
    assert_string_equal(msg.text, "open /nonexistent/a.key: No such file or directory");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read),
        TEST(two_keys_differ),
        TEST(only_the_owner_can_read_the_file),
        TEST(a_key_that_others_may_use_is_refused),
        TEST(a_file_that_is_there_is_not_replaced),
        TEST(what_is_no_secret_key_is_refused),
        TEST(a_public_key_is_called_by_its_name),
        TEST(a_damaged_secret_does_not_fit_its_id),
        TEST(a_key_that_is_not_there_is_a_system_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
