"""The write routes of the storefront as a table, and bodies that they must take or refuse."""

import json
from collections import namedtuple

MOST_ID = (1 << 63) - 1

Text = namedtuple("Text", "shortest longest")  # characters
Integer = namedtuple("Integer", "least most")
Boolean = namedtuple("Boolean", "")
Texts = namedtuple("Texts", "of most")
Scores = namedtuple("Scores", "of most")  # {"14": 5}
# `own` has the failures of members that have one, instead of `invalid`.
Write = namedtuple("Write", "path table members optional invalid own", defaults=({},))

NAME, EMAIL = Text(1, 60), Text(3, 60)
URLS = Texts(Text(1, 2000), 5)

REVIEW = Write(
    "/reviews", "reviews",
    {"product_id": Integer(1, MOST_ID), "rating": Integer(1, 5), "summary": Text(1, 60),
     "body": Text(1, 1000), "recommend": Boolean(), "name": NAME, "email": EMAIL, "photos": URLS,
     "characteristics": Scores(Integer(1, 5), 20)},
    {"photos", "characteristics"}, (422, b"Error: Review body contains invalid entries"))
QUESTION = Write(
    "/qa/questions", "questions",
    {"product_id": Integer(1, MOST_ID), "body": Text(1, 1000), "name": NAME, "email": EMAIL},
    set(), (422, b"Error: Question body contains invalid entries"),
    {"product_id": (422, b"Error: invalid product_id provided")})
ANSWER = Write(
    "/qa/questions/{question}/answers", "answers",
    {"body": Text(1, 1000), "name": NAME, "email": EMAIL, "photos": URLS},
    {"photos"}, (422, b"Error: Answer body contains invalid entries"))
CART = Write("/cart", "cart_items", {"sku_id": Integer(1, MOST_ID)}, set(),
             (422, b"Error: invalid sku_id provided"))
INTERACTION = Write(
    "/interactions", "interactions",
    {"element": Text(1, 2000), "widget": Text(1, 200), "time": Text(1, 100)}, set(),
    (422, b"Error: Interaction body contains invalid entries"))
WRITES = (REVIEW, QUESTION, ANSWER, CART, INTERACTION)

# Route, what it changes, what an unknown id is answered with.
VOTES = (
    ("/reviews/{}/helpful", "reviews", "helpfulness", b"Error: invalid review id provided"),
    ("/reviews/{}/report", "reviews", "reported", b"Error: invalid review id provided"),
    ("/qa/questions/{}/helpful", "questions", "helpful", b"Error: invalid question id provided"),
    ("/qa/questions/{}/report", "questions", "reported", b"Error: invalid question id provided"),
    ("/qa/answers/{}/helpful", "answers", "helpful", b"Error: invalid answer id provided"),
    ("/qa/answers/{}/report", "answers", "reported", b"Error: invalid answer id provided"),
)

# No ids, or ids that nothing has, in a path.
NO_IDS = (
    "0 -1 987654321 99999999999999999999 9223372036854775807 9223372036854775808 "
    "-9223372036854775808 18446744073709551617 340282366920938463463374607431768211457 1.0 1.5 1e3 "
    "0x1 hello null true 1%00 %00 1%20 %FF %C3%A9 %D9%A1 1%2F2 1; 1' 1'-- '1' %27%20OR%201=1-- "
    "%5B1%5D :review_id $1 --1 - 1,2 1-").split()

# What would do something if it were pasted into a statement, a template or a path.
SQL = (
    "'); DROP TABLE reviews; --", "'; DELETE FROM reviews; SELECT '", "' OR '1'='1", '" OR ""="',
    "\\'; DROP TABLE reviews; --", "$1", "?1", ":review_id", ":now", ":product_id", "@a", "$rows",
    "$review_id", "$$; DROP TABLE reviews; $$", "'||(SELECT min(reviewer_email) FROM reviews)||'",
    "%s %d %n %%", "/* */ -- \\", "E'\\x41'", "1; COMMIT; DROP TABLE answers;", "\\N", "NULL",
    "null", "{\"a\": 1}", "', now()) RETURNING id; --", "COPY reviews TO STDOUT;", "`id`", "[id]")

# Texts of other scripts, and code points that software gets wrong.
UNICODE = (
    "Größe wie erwartet", "サイズはぴったりです", "размер подошёл", "👗👍🏽👨‍👩‍👧‍👦",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \U0010fffd", "المقاس مناسب جدا", "\u202eright to left\u202c", "שלום \u200f",
    "e\u0301 and \u00e9", "Z\u0351\u036b\u0343\u030aalgo",
    "\ufeffmark", "\ufffe\uffff\ufdd0", "\u2028\u2029\u0085", "\u200b\u200d", "tab\tand\nlines\r\n",
    "\x01\x1f\x7f\x9f", "\"quoted\" \\ /", "</script><!--", "ﷺ")


class Raw(str):
    """Text of JSON that json.dumps would not write."""


def encode(members):
    """A body; values that are Raw stand as they are."""
    pairs = (f"{json.dumps(name)}: " + (value if isinstance(value, Raw)
                                        else json.dumps(value, ensure_ascii=False))
             for name, value in members.items())
    return ("{" + ", ".join(pairs) + "}").encode("utf-8", "surrogatepass")


# ---- values that must be refused ----


def wrong_texts(rule):
    """For a text."""
    yield from (5, 0.5, True, False, None, [], {}, ["a"], {"a": "b"})
    yield "@" * (rule.longest + 1)
    yield "\U0001f600" * (rule.longest + 1)
    if rule.shortest > 0:
        yield ""
        yield "x" * (rule.shortest - 1)
        yield "\U0001f600" * (rule.shortest - 1)
    padding = "x" * rule.shortest
    for escape in ("\\u0000", "\\ud800", "\\udc00", "\\udc00\\ud800", "\\ud83dx", "\\x", "\\u12",
                   "\\", "\n", "\0", "\ud800"):
        yield Raw(f'"{padding}{escape}"')


def wrong_integers(rule):
    """For an integer."""
    yield from ("5", "", "x", 1.5, True, False, None, [], {}, [1], {"1": 1})
    for text in ("1.0", "1e0", "1E0", "01", "+1", "0x1", "1_0", "1,5", "NaN", "Infinity", "-",
                 "--1", "1e400", "9223372036854775808", "-9223372036854775809", "1" * 30, "1" * 400,
                 "٣"):
        yield Raw(text)
    yield rule.least - 1
    yield -1
    if rule.most < MOST_ID:
        yield from (rule.most + 1, MOST_ID)


def wrong_booleans():
    """For a boolean."""
    yield from ("true", "", 1, 0, None, [], {}, Raw("TRUE"), Raw("yes"))


def wrong_values(rule):
    """Values that RULE must refuse."""
    if isinstance(rule, Text):
        yield from wrong_texts(rule)
    elif isinstance(rule, Integer):
        yield from wrong_integers(rule)
    elif isinstance(rule, Boolean):
        yield from wrong_booleans()
    elif isinstance(rule, Texts):
        yield from ("a", 5, True, {}, {"0": "a"}, ["a", 5], ["a", None], [["a"]], [{}])
        yield ["a"] * (rule.most + 1)
        yield from ([value] for value in wrong_texts(rule.of) if not isinstance(value, Raw))
    else:
        yield from ("a", 5, True, [], [5], [[1, 5]])
        yield from ({"x": 5}, {"": 5}, {"1.0": 5}, {" 1": 5}, {"9223372036854775808": 5})
        yield {str(i): 5 for i in range(1, rule.most + 2)}
        yield from ({"1": value} for value in wrong_integers(rule.of) if not isinstance(value, Raw))


def is_read(text):
    """Whether TEXT can be read as JSON; otherwise it is the body that is wrong, not its member."""
    try:
        value = json.loads(text, parse_constant=int)
        text.encode()
        return "\\ud" not in text and (isinstance(value, str) or abs(value) <= MOST_ID)
    except ValueError:
        return False


def wrong_bodies(write, valid):
    """(what is wrong, body, how it is refused) for all that one wrong member can be."""
    for name, rule in write.members.items():
        expected = write.own.get(name, write.invalid)
        without = {member: value for member, value in valid.items() if member != name}
        if name not in write.optional:
            yield f"no {name}", encode(without), expected
            yield (f"another case of {name}", encode({**without, name.upper(): valid[name]}),
                   expected)
        for value in wrong_values(rule):
            is_json = not isinstance(value, Raw) or is_read(value)
            yield (f"{name} is {value!r:.60}", encode({**valid, name: value}),
                   expected if is_json else write.invalid)


def no_objects(valid):
    """Bodies that are no JSON object, or one with a member twice."""
    whole = encode(valid)
    name = next(iter(valid))
    yield from (b" ", b"null", b"true", b"5", b'"text"', b"[]", b"[" + whole + b"]")
    yield from (whole[:-1], whole[1:], whole + b"x", whole + whole, whole[:-1] + b",}")
    yield whole.replace(b'"', b"'")
    yield b"\xef\xbb\xbf" + whole
    yield b"\xff\xfe" + whole.decode().encode("utf-16-le")
    yield whole + b"\0"
    yield b"// c\n" + whole
    yield whole[:-1] + b", " + encode({name: valid[name]})[1:]
    yield whole[:-1] + b', "' + name[0].encode() + b'\\u' + b"%04x" % ord(name[1]) + \
        name[2:].encode() + b'": 1}'
    yield b"[" * 60000
    yield b'{"a":' * 12000
    yield whole[:-1] + b', "deep": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    yield f"{name}={valid[name]}".encode()
    yield whole[:-1] + b', "x": "\xff"}'
    yield whole[:-1] + b', "x": "\xed\xa0\x80"}'
    yield whole[:-1] + b', "x": "\xc0\x80"}'
