#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "builder/import.h"

struct fixture {
    char folder[64];
    char rejects[96];
    char url[128];
    struct import_options options;
    struct import_plan plan;
    struct errmsg msg;
};

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != ERR_NONE) {                                                                  \
            fail_msg("%s: %s", #call, fixture->msg.text);                                          \
        }                                                                                          \
    } while (0)

#define TEXT(text)                                                                                 \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }

static struct table_column book_columns[] = {
    {.name = TEXT("id"), .header = TEXT("id"), .type = COLUMN_INTEGER, .is_required = true},
    {.name = TEXT("title"), .header = TEXT("Title"), .type = COLUMN_TEXT},
    {.name = TEXT("stars"),
     .header = TEXT("stars"),
     .type = COLUMN_INTEGER,
     .has_bounds = true,
     .least = 1,
     .most = 5},
    {.name = TEXT("lent"), .header = TEXT("lent"), .type = COLUMN_BOOLEAN, .is_required = true},
    {.name = TEXT("price"), .header = TEXT("price"), .type = COLUMN_DECIMAL, .scale = 2},
    {.name = TEXT("cover"), .header = TEXT("cover"), .type = COLUMN_URL},
};

static struct table_column loan_columns[] = {
    {.name = TEXT("id"), .header = TEXT("id"), .type = COLUMN_INTEGER},
    {.name = TEXT("book_id"), .header = TEXT("bookId"), .type = COLUMN_INTEGER},
};

static struct table_index loan_index = {{1}, 1};

static struct table tables[] = {
    {.name = TEXT("books"),
     .file = TEXT("books.csv"),
     .columns = book_columns,
     .column_count = 6,
     .primary_key = 0},
    {.name = TEXT("loans"),
     .file = TEXT("loans.csv"),
     .columns = loan_columns,
     .column_count = 2,
     .primary_key = 0,
     .indexes = &loan_index,
     .index_count = 1},
};

static const struct definition library = {.tables = tables, .table_count = 2};

#define BOOK_HEADER "id,Title,stars,lent,price,cover\n"

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/vitrine_import_XXXXXX");
    if (mkdtemp(fixture->folder) == NULL) {
        return -1;
    }
    snprintf(fixture->rejects, sizeof fixture->rejects, "%s/rejects", fixture->folder);
    snprintf(fixture->url, sizeof fixture->url, "sqlite:%s/a.db", fixture->folder);
    fixture->options = (struct import_options){
        .folder = fixture->folder,
        .rejects_path = fixture->rejects,
        .most_rejects_percent = 100,
    };
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    enum err rc = dir_remove(fixture->folder, &fixture->msg);

    free(fixture);
    return rc == ERR_NONE ? 0 : -1;
}

static void put(struct fixture *fixture, const char *name, struct slice text)
{
    char *path = path_join(fixture->folder, "%s", name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
    fclose(file);
    free(path);
}

static enum err run_plan(struct fixture *fixture)
{
    struct source *source;
    enum err rc;

    OK(source_open(fixture->url, SOURCE_WRITE, &source, &fixture->msg));
    rc = import_run(&fixture->plan, source, &fixture->msg);
    source_close(source);
    return rc;
}

static enum err load_books(struct fixture *fixture, struct slice text)
{
    put(fixture, "books.csv", text);
    fixture->options.only = "books";
    OK(import_plan(&library, &fixture->options, &fixture->plan, &fixture->msg));
    return run_plan(fixture);
}

static char *rows_text(struct fixture *fixture, const char *sql, unsigned columns)
{
    struct source *source;
    struct source_rows *rows;
    const struct value *row;
    struct buffer out;
    char *text;

    buffer_init(&out, 1 << 20);
    OK(source_open(fixture->url, SOURCE_READ, &source, &fixture->msg));
    OK(source_query(source, sql, NULL, 0, columns, &rows, &fixture->msg));
    for (;;) {
        OK(source_rows_next(rows, &row, &fixture->msg));
        if (row == NULL) {
            break;
        }
        for (unsigned i = 0; i < columns; i++) {
            buffer_append_str(&out, i == 0 ? "" : "|");
            if (row[i].type == VALUE_INTEGER) {
                buffer_printf(&out, "%lld", (long long)row[i].integer);
            } else if (row[i].type == VALUE_TEXT) {
                buffer_append_slice(&out, row[i].text);
            } else {
                buffer_append_str(&out, "null");
            }
        }
        buffer_append_byte(&out, ';');
    }
    source_rows_close(rows);
    source_close(source);
    text = strdup(buffer_str(&out));
    buffer_free(&out);
    return text;
}

static void assert_rows(struct fixture *fixture, const char *sql, unsigned columns,
                        const char *wanted)
{
    char *got = rows_text(fixture, sql, columns);

    assert_string_equal(got, wanted);
    free(got);
}

static void assert_rejects(struct fixture *fixture, const char *wanted)
{
    struct buffer got;

    buffer_init(&got, 1 << 20);
    OK(file_read(fixture->rejects, &got, &fixture->msg));
    assert_int_equal(strncmp(buffer_str(&got), "file,line,reason,record\n", 24), 0);
    assert_string_equal(buffer_str(&got) + 24, wanted);
    buffer_free(&got);
}

#define LOADED "SELECT id, title, stars, lent, price, cover FROM books ORDER BY id"

struct dirt {
    const char *text; /* behind the header line */
    const char *rows;
    const char *rejects;
};

static const struct dirt dirt[] = {
    {"", "", ""},
    {"1,a,5,true,9.5,https://c\n", "1|a|5|1|9.50|https://c;", ""},
    {"1,a,5,true,9.5,https://c", "1|a|5|1|9.50|https://c;", ""},
    {"2,b,,t,,\r\n1,a,,F,,\r\n", "1|a|null|0|null|null;2|b|null|1|null|null;", ""},
    {"1,null,NULL,0,\" null \",\"null\"\n", "1|null|null|0|null|null;", ""},
    {"1,\"\",\"\",1,\"\",\"\"\n", "1||null|1|null|;", ""},
    {"1,\"a, \"\"b\"\"\nc\",1,1,price: 140,uhttps://c\n", "1|a, \"b\"\nc|1|1|140.00|https://c;",
     ""},
    {"1,a\\,1,1,,\n", "1|a\\|1|1|null|null;", ""},
    {"x,a,1,1,,\n2,b,1,1,,\n", "2|b|1|1|null|null;",
     "\"books.csv\",2,\"id: \"\"x\"\" is not an integer\",\"x,a,1,1,,\"\n"},
    {",a,1,1,,\n", "", "\"books.csv\",2,\"id: a value is required\",\",a,1,1,,\"\n"},
    {"1,a,1,null,,\n", "", "\"books.csv\",2,\"lent: a value is required\",\"1,a,1,null,,\"\n"},
    {"1,a,6,1,,\n", "", "\"books.csv\",2,\"stars: 6 is not within 1 to 5\",\"1,a,6,1,,\"\n"},
    {"1,a,1,1,,\n2,b,1,1,,\n1,\"c\nd\",1,1,,\n3,e,1,1,,\n",
     "1|a|1|1|null|null;2|b|1|1|null|null;3|e|1|1|null|null;",
     "\"books.csv\",4,\"id 1 is there already\",\"1,\"\"c\nd\"\",1,1,,\"\n"},
    {"1,\"a,1,1,,\n2,b,1,1,,\n3,c,1,1,,\n", "2|b|1|1|null|null;3|c|1|1|null|null;",
     "\"books.csv\",2,\"a quoted field does not end\",\"1,\"\"a,1,1,,\"\n"},
    {"1,\"a,1,1,,\n2,\"b\",1,1,,\n", "2|b|1|1|null|null;",
     "\"books.csv\",2,\"text after a closing quote\",\"1,\"\"a,1,1,,\"\n"},
    {"1,\"a\n2,b\",9,1,,\n3,c,1,1,,\n", "3|c|1|1|null|null;",
     "\"books.csv\",2,\"stars: 9 is not within 1 to 5\",\"1,\"\"a\"\n"
     "\"books.csv\",3,\"stars: 9 is not within 1 to 5\",\"2,b\"\",9,1,,\"\n"},
    {"\n1,a\n\n2,b,1,1,,,\n", "",
     "\"books.csv\",3,\"2 fields instead of 6\",\"1,a\"\n"
     "\"books.csv\",5,\"more than 6 fields\",\"2,b,1,1,,,\"\n"},
    {"1,\xff,1,1,,\n2,b,1,1,,\n", "2|b|1|1|null|null;",
     "\"books.csv\",2,\"bytes that are not UTF-8\",\"1,\xff,1,1,,\"\n"},
};

static void every_kind_of_dirt_has_its_outcome(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof dirt / sizeof dirt[0]; i++) {
        struct buffer text;

        buffer_init(&text, 1 << 16);
        buffer_append_str(&text, i % 2 == 0 ? "" : "\xef\xbb\xbf");
        buffer_append_str(&text, BOOK_HEADER);
        buffer_append_str(&text, dirt[i].text);
        OK(load_books(fixture, buffer_slice(&text)));
        assert_rows(fixture, LOADED, 6, dirt[i].rows);
        assert_rejects(fixture, dirt[i].rejects);
        import_plan_free(&fixture->plan);
        buffer_free(&text);
    }
}

/* Each prefix is loaded without a hang, and its counts are those of the source and the file. */
static void every_prefix_of_a_dirty_file_is_survived(void **state)
{
    struct fixture *fixture = *state;
    struct buffer text;

    buffer_init(&text, 1 << 16);
    buffer_append_str(&text, BOOK_HEADER);
    for (size_t i = 6; i < sizeof dirt / sizeof dirt[0]; i += 3) {
        buffer_append_str(&text, dirt[i].text);
    }
    for (size_t len = sizeof BOOK_HEADER - 1; len <= text.len; len++) {
        char wanted[32];

        OK(load_books(fixture, slice_of(text.ptr, len)));
        snprintf(wanted, sizeof wanted, "%d;", (int)fixture->plan.tables[0].loaded);
        assert_rows(fixture, "SELECT count(*) FROM books", 1, wanted);
        assert_int_equal(fixture->plan.tables[0].rejected, import_rejected(&fixture->plan));
        import_plan_free(&fixture->plan);
    }
    buffer_free(&text);
}

static void columns_are_found_by_name_in_any_order(void **state)
{
    struct fixture *fixture = *state;

    OK(load_books(fixture, slice_str("more,cover,\"price\",lent,stars,Title,id,\r\n"
                                     "x,http://c,1,t,2,\"a\",1,y\r\n")));
    assert_rows(fixture, LOADED, 6, "1|a|2|1|1.00|http://c;");
    import_plan_free(&fixture->plan);
}

static void a_header_that_does_not_fit_is_refused_before_anything_is_loaded(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"", "books.csv:1: the file is empty; a header line is expected"},
        {"id,title,stars,lent,price,cover\n",
         "books.csv:1: there is no column \"Title\"; there are id, title, stars, lent, price, "
         "cover"},
        {"\nid\n1\n", "books.csv:2: there is no column \"Title\"; there are id"},
        {"id,Title,stars,lent,price,cover,id\n", "books.csv:1: 2 columns are called \"id\""},
        {"id,\"Title\n", "books.csv:1: the header line: a quoted field does not end"},
    };
    struct fixture *fixture = *state;

    fixture->options.only = "books";
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put(fixture, "books.csv", slice_str(cases[i].text));
        assert_int_equal(import_plan(&library, &fixture->options, &fixture->plan, &fixture->msg),
                         ERR_INPUT);
        assert_non_null(strstr(fixture->msg.text, cases[i].message));
    }
    assert_false(file_exists(fixture->rejects));
}

static void a_missing_file_is_named_unless_it_is_not_asked_for(void **state)
{
    struct fixture *fixture = *state;
    char wanted[200];

    put(fixture, "books.csv", slice_str(BOOK_HEADER));
    assert_int_equal(import_plan(&library, &fixture->options, &fixture->plan, &fixture->msg),
                     ERR_INPUT);
    snprintf(wanted, sizeof wanted,
             "%s/loans.csv: there is no such file; --only TABLE,TABLE loads some tables only",
             fixture->folder);
    assert_string_equal(fixture->msg.text, wanted);
    fixture->options.only = "books";
    OK(import_plan(&library, &fixture->options, &fixture->plan, &fixture->msg));
    assert_int_equal(fixture->plan.table_count, 1);
    import_plan_free(&fixture->plan);
}

static void exports_that_are_in_no_folder_are_told_so(void **state)
{
    struct fixture *fixture = *state;
    char *folder = path_join(fixture->folder, "nowhere");
    char *file = path_join(fixture->folder, "books.csv");

    put(fixture, "books.csv", slice_str(BOOK_HEADER));
    fixture->options.folder = folder;
    assert_int_equal(import_plan(&library, &fixture->options, &fixture->plan, &fixture->msg),
                     ERR_INPUT);
    assert_non_null(strstr(fixture->msg.text, "/nowhere: there is no such folder"));
    fixture->options.folder = file;
    assert_int_equal(import_plan(&library, &fixture->options, &fixture->plan, &fixture->msg),
                     ERR_INPUT);
    assert_non_null(strstr(fixture->msg.text,
                           "/books.csv: not a folder; name the one that holds the CSV files"));
    free(folder);
    free(file);
}

static void an_unknown_table_is_answered_with_the_known_ones(void **state)
{
    struct fixture *fixture = *state;

    fixture->options.only = "books,lones";
    assert_int_equal(import_plan(&library, &fixture->options, &fixture->plan, &fixture->msg),
                     ERR_USAGE);
    assert_string_equal(
        fixture->msg.text,
        "--only names \"lones\", which is no table of the definition: books, loans");
    fixture->options.only = "";
    assert_int_equal(import_plan(&library, &fixture->options, &fixture->plan, &fixture->msg),
                     ERR_USAGE);
    assert_string_equal(
        fixture->msg.text,
        "there is no table to load; those of the definition that have a `file` are");
}

static void the_rejects_file_may_not_be_an_export(void **state)
{
    struct fixture *fixture = *state;

    put(fixture, "books.csv", slice_str(BOOK_HEADER));
    put(fixture, "loans.csv", slice_str("id,bookId\n"));
    snprintf(fixture->rejects, sizeof fixture->rejects, "%s/./loans.csv", fixture->folder);
    assert_int_equal(import_plan(&library, &fixture->options, &fixture->plan, &fixture->msg),
                     ERR_USAGE);
    assert_non_null(strstr(fixture->msg.text, "loans.csv; name another file"));
}

static void too_many_rejects_fail_the_file_and_keep_what_was_there(void **state)
{
    struct fixture *fixture = *state;
    char wanted[300];

    OK(load_books(fixture, slice_str(BOOK_HEADER "7,kept,1,1,,\n")));
    import_plan_free(&fixture->plan);
    fixture->options.most_rejects_percent = 25;
    OK(load_books(fixture, slice_str(BOOK_HEADER "1,a,1,1,,\n2,b,1,1,,\n3,c,1,1,,\nx,d,1,1,,\n")));
    import_plan_free(&fixture->plan);
    fixture->options.most_rejects_percent = 24;
    assert_int_equal(
        load_books(fixture, slice_str(BOOK_HEADER "4,a,1,1,,\n5,b,1,1,,\n6,c,1,1,,\nx,d,1,1,,\n")),
        ERR_INPUT);
    snprintf(wanted, sizeof wanted,
             "%s/books.csv: 1 of 4 records were rejected, more than 24 %% (--most-rejects); "
             "%s says why",
             fixture->folder, fixture->rejects);
    assert_string_equal(fixture->msg.text, wanted);
    assert_rows(fixture, "SELECT id FROM books ORDER BY id", 1, "1;2;3;");
    assert_rejects(fixture, "\"books.csv\",5,\"id: \"\"x\"\" is not an integer\",\"x,d,1,1,,\"\n");
    import_plan_free(&fixture->plan);
}

/* The last test: the process stays interrupted. */
static void an_interrupted_import_loads_nothing_half(void **state)
{
    struct fixture *fixture = *state;

    OK(load_books(fixture, slice_str(BOOK_HEADER "7,kept,1,1,,\n")));
    import_plan_free(&fixture->plan);
    interrupt_catch();
    raise(SIGTERM);
    assert_int_equal(load_books(fixture, slice_str(BOOK_HEADER "1,a,1,1,,\n")), ERR_INTERRUPTED);
    assert_int_equal(err_exit_code(ERR_INTERRUPTED), 130);
    assert_false(fixture->plan.tables[0].is_loaded);
    assert_rows(fixture, "SELECT id FROM books", 1, "7;");
    import_plan_free(&fixture->plan);
}

static void the_report_counts_tables_and_a_total(void **state)
{
    struct fixture *fixture = *state;
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    put(fixture, "books.csv", slice_str(BOOK_HEADER "1,a,1,1,,\nx\n"));
    put(fixture, "loans.csv", slice_str("bookId,id\n1,10\n1,11\n"));
    OK(import_plan(&library, &fixture->options, &fixture->plan, &fixture->msg));
    OK(run_plan(fixture));
    for (unsigned i = 0; i < 2; i++) {
        fixture->plan.tables[i].took_ms = 1250;
    }
    import_report(&fixture->plan, file);
    fclose(file);
    assert_string_equal(
        text,
        "table                    file                                records         loaded     "
        "rejected   seconds\n"
        "books                    books.csv                                 2              1     "
        "       1       1.2\n"
        "loans                    loans.csv                                 2              2     "
        "       0       1.2\n"
        "total                                                              4              3     "
        "       1       2.5\n");
    free(text);
    assert_rows(fixture, "SELECT id, book_id FROM loans ORDER BY id", 2, "10|1;11|1;");
    import_plan_free(&fixture->plan);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_dirt_has_its_outcome),
        TEST(every_prefix_of_a_dirty_file_is_survived),
        TEST(columns_are_found_by_name_in_any_order),
        TEST(a_header_that_does_not_fit_is_refused_before_anything_is_loaded),
        TEST(a_missing_file_is_named_unless_it_is_not_asked_for),
        TEST(exports_that_are_in_no_folder_are_told_so),
        TEST(an_unknown_table_is_answered_with_the_known_ones),
        TEST(the_rejects_file_may_not_be_an_export),
        TEST(too_many_rejects_fail_the_file_and_keep_what_was_there),
        TEST(the_report_counts_tables_and_a_total),
        TEST(an_interrupted_import_loads_nothing_half),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
