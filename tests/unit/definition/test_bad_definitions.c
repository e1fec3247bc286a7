#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "unit/definition/broken.h"

static void what_is_not_plain_yaml_is_refused(void **state)
{
    static const struct broken broken[] = {
        {"name: library", "name: [library",
         "2:7: did not find expected ',' or ']' while parsing a flow sequence that begins in "
         "line 1; check the indentation, colons, brackets and quotes here and in the line before"},
        {"name: library", "name: &a library", "1:7: anchors are not used here; leave &a away"},
        {"name: library", "name: !!str library",
         "1:7: tags are not used here; leave the one with ! away"},
        {"from: books\n    listing", "from: *a\n    listing",
         "49:11: aliases are not used here; write the value out"},
        {"file: books.csv", "file: books.csv\n    file: loans.csv",
         "5:5: \"file\" is there twice, first in line 4; keep one of them"},
        {"name: library", "name: \"lib\\0rary\"",
         "1:7: a text holds a NUL character; leave \\0 away"},
        {"author: text", "[a, b]: text",
         "9:7: the name of a member is a list or a mapping; write NAME: VALUE"},
        {"name: library", "name: library\n---\nname: other",
         "2:1: a second document begins; keep one in a file"},
        {"name: library", "\tname: library",
         "1:1: found character that cannot start any token while scanning for the next token; "
         "indent with blanks instead of tabs; a text that begins with @, ` or % stands in quotes"},
        {"name: library", "{",
         "3:8: did not find expected ',' or '}' while parsing a flow mapping that begins in "
         "line 1; check the indentation, colons, brackets and quotes here and in the line before"},
    };

    (void)state;
    check_broken(broken, sizeof broken / sizeof broken[0]);
}

static void the_top_level_is_checked(void **state)
{
    static const struct broken broken[] = {
        {"name: library", "naem: library",
         "1:1: a definition has no member \"naem\"; did you mean \"name\"?"},
        {"name: library", "about: a library",
         "1:1: a definition has no `name`; write name: library"},
        {"name: library", "name: Library",
         "1:7: `name` cannot be \"Library\"; write a small letter first, then small letters, "
         "digits and _"},
        {"name: library", "name: my library",
         "1:7: `name` cannot be \"my library\"; write at most 63 letters, digits and _, no digit "
         "first"},
        {"name: library", "name:", "1:6: `name` is missing; write a word, or \"a text\""},
        {"collections:\n  books:", "colections:\n  books:",
         "12:1: a definition has no member \"colections\"; did you mean \"collections\"?"},
        {"routes:\n  - get", "routes: none\nroutez:\n  - get",
         "48:1: a definition has no member \"routez\"; did you mean \"routes\"?"},
        {"name: library", "name: library\nabout: [a]",
         "2:8: `about` must be a text, not a list; write a word, or \"a text\""},
        {"routes:\n", "routes: {}\nx:\n",
         "48:1: a definition has no member \"x\"; write one of name, about, tables, collections, "
         "routes, checks"},
    };

    (void)state;
    check_broken(broken, sizeof broken / sizeof broken[0]);
}

static void tables_are_checked(void **state)
{
    static const struct broken broken[] = {
        {"file: books.csv", "file: ../books.csv",
         "4:11: `file` cannot be \"../books.csv\"; write the name of the file alone, books.csv"},
        {"    file: books.csv\n", "",
         "10:15: the table of this column has no `file`, so it has no `header`; leave it away"},
        {"primary_key: id", "primary_key: idd",
         "5:18: table books has no column \"idd\"; did you mean \"id\"?"},
        {"indexes: [[author]]", "indexes: [author]",
         "6:15: an index must be a list; write [ONE, TWO]"},
        {"indexes: [[author]]", "indexes: [[author, author]]",
         "6:24: column author is in this index twice; keep one of them"},
        {"indexes: [[author]]", "indexes: [[author, id], [id, author], [author, id]]",
         "6:43: table books has this index already; keep one of them"},
        {"indexes: [[author]]", "indexes: [[id, author, price, pages, id]]",
         "6:15: an index has 5 entries; at most 4 fit"},
        {"author: text", "author: txt",
         "9:15: the type of a column cannot be \"txt\"; did you mean \"text\"?"},
        {"author: text", "author: decimal",
         "9:15: a decimal needs its digits after the point; write {type: decimal, scale: 2}"},
        {"author: text", "author: {scale: 2, type: text}",
         "9:23: `scale` belongs to decimal and ratio, not to \"text\"; leave it away"},
        {"author: text", "author: {required: true}",
         "9:15: a column has no `type`; write {type: integer}"},
        {"author: text", "author: {type: text, required: yes}",
         "9:38: `required` must be true or false, not \"yes\""},
        {"author: text", "author: {type: text, least: 1}",
         "9:35: bounds belong to an integer, not to a text; leave them away"},
        {"author: text", "author: {type: text, header: Pages}",
         "11:7: column author has the header \"Pages\" already; write another `header`"},
        {"author: text", "2nd_author: text",
         "9:7: the name of a column cannot be \"2nd_author\"; write at most 63 letters, digits and "
         "_, no digit first"},
        {"least: 1, most: 9000", "least: 10, most: 9",
         "11:62: `most` 9 is less than `least` 10; write the larger one as `most`"},
        {"least: 1,", "least: one,",
         "11:52: `least` must be a whole number from -9223372036854775808 to 9223372036854775807, "
         "not \"one\"; write for example 0"},
        {"price: {type: decimal, scale: 2}\n      pages",
         "price: {type: decimal, scale: 19}\n      pages",
         "10:37: `scale` must be a whole number from 0 to 18, not \"19\"; write for example 0"},
        {"author: text", "author: {type: text, header: }",
         "9:36: `header` is missing; write a word, or \"a text\""},
        {"id: {type: integer, required: true}", "id: {type: integer, sample: sequenze}",
         "8:35: \"sequenze\" is not a sample; write one of sequence, parent, with, first, name, "
         "email, or a mapping like {integer: [1, 5]}"},
    };

    (void)state;
    check_broken(broken, sizeof broken / sizeof broken[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_plain_yaml_is_refused),
        cmocka_unit_test(the_top_level_is_checked),
        cmocka_unit_test(tables_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
