"""Requests on raw sockets and what comes of each, as docs/serving.md has it: a row is a case.

`data` is sent as it stands; `statuses` are those of the answers that come; `ends` says whether the
service then ends the connection. The rows of SHAPES are those that have made two servers, one behind
the other, see different requests: each ends the connection, or is read in the one way there is, so that
what stands behind it is never taken for something else.
"""

from collections import namedtuple

from shelf import get

Case = namedtuple("Case", "name data statuses ends")

NEXT = get("/branches/2")  # a request behind the one in question
CHUNKED = "Transfer-Encoding: chunked"


def post(target, *headers, body=b""):
    """The bytes of a POST."""
    return get(target, *headers).replace(b"GET", b"POST", 1) + body


def chunks(*lines):
    """A chunked GET whose body is LINES, and a request behind it."""
    return get("/branches/1", CHUNKED) + b"".join(lines) + NEXT


USUAL = (
    Case("one request", get("/branches/1"), [200], False),
    Case("its name in small letters", b"GET /branches/1 HTTP/1.1\r\nhost: x\r\n\r\n", [200], False),
    Case("an empty line before it", b"\r\n" + get("/branches/1"), [200], False),
    Case("the whole address", get("http://x/branches/1"), [200], False),
    Case("an empty Host", b"GET /branches/1 HTTP/1.1\r\nHost:\r\n\r\n", [200], False),
    Case("1.0", b"GET /branches/1 HTTP/1.0\r\n\r\n" + NEXT, [200], True),
    Case("1.0 that stays", b"GET /branches/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2,
         [200, 200], False),
    Case("close among others", get("/branches/1", "Connection: foo, Close") + NEXT, [200], True),
    Case("close in 1.1", get("/lions", "Connection: close"), [404], True),
    Case("a body of no use", get("/branches/1", "Content-Length: 3") + b"abc" + NEXT, [200, 200],
         False),
    Case("a body of no use that does not come", get("/branches/1", "Content-Length: 3"), [], False),
    Case("a body in chunks", get("/branches/1", "Transfer-Encoding: Chunked") +
         b"2\r\nab\r\n0\r\n\r\n" + NEXT, [200, 200], False),
    Case("a body that is not waited for", post("/branches/1", "Content-Length: 3"), [405], True),
    Case("a body for nobody", post("/lions", CHUNKED), [404], True),
    Case("100-continue", get("/branches/1", "Expect: 100-Continue", "Content-Length: 1") + b"a",
         [100, 200], False),
    Case("100-continue for a body that nobody wants",
         post("/branches/1", "Expect: 100-continue", "Content-Length: 1"), [405], True),
    Case("another expectation", get("/branches/1", "Expect: tea") + NEXT, [417], True),
    Case("an expectation in 1.0", b"GET /branches/1 HTTP/1.0\r\nExpect: tea\r\n\r\n", [200], True),
    Case("an offer to upgrade", get("/branches/1", "Connection: Upgrade", "Upgrade: h2c") + NEXT,
         [200, 200], False),
    Case("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [400], True),
    Case("HTTP/2 without asking", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", [400],
         True),
    Case("another version", b"GET /branches/1 HTTP/2.0\r\nHost: x\r\n\r\n", [400], True),
    Case("a version of two digits", b"GET /branches/1 HTTP/1.10\r\nHost: x\r\n\r\n", [400], True),
    Case("HTTP/0.9", b"GET /branches/1\r\n\r\n", [400], True),
    Case("HTTP/0.9 by name", b"GET /branches/1 HTTP/0.9\r\n\r\n", [400], True),
    Case("a bad one behind a good one", get("/branches/1") + b"x\r\n\r\n", [200, 400], True),
)

SHAPES = (
    # Where the body ends.
    Case("two lengths", get("/branches/1", "Content-Length: 1", "Content-Length: 2") + b"a" + NEXT,
         [400], True),
    Case("the same length twice", get("/branches/1", "Content-Length: 1", "Content-Length: 1") +
         b"a" + NEXT, [400], True),
    Case("a list of lengths", get("/branches/1", "Content-Length: 1, 1") + b"a" + NEXT, [400], True),
    Case("a signed length", get("/branches/1", "Content-Length: +1") + b"a" + NEXT, [400], True),
    Case("a negative length", get("/branches/1", "Content-Length: -1") + NEXT, [400], True),
    Case("a length in hexadecimal", get("/branches/1", "Content-Length: 0x1") + b"a" + NEXT, [400],
         True),
    Case("a length of two words", get("/branches/1", "Content-Length: 1 2") + b"a" + NEXT, [400],
         True),
    Case("a length with a blank in its name", get("/branches/1", "Content Length: 1") + b"a" + NEXT,
         [400], True),
    Case("a length without digits", get("/branches/1", "Content-Length:") + NEXT, [400], True),
    Case("a length beyond 64 bits", get("/branches/1", "Content-Length: 18446744073709551617") +
         b"a" + NEXT, [400], True),
    Case("a length with zeros before it", get("/branches/1", "Content-Length: 0001") + b"a" + NEXT,
         [200, 200], False),
    Case("a length and chunks", get("/branches/1", "Content-Length: 5", CHUNKED) + b"0\r\n\r\n" +
         NEXT, [400], True),
    Case("chunks and a length", get("/branches/1", CHUNKED, "Content-Length: 5") + b"0\r\n\r\n" +
         NEXT, [400], True),
    Case("chunks in 1.0", b"GET /branches/1 HTTP/1.0\r\nConnection: keep-alive\r\n"
         b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT, [400], True),
    Case("another coding", get("/branches/1", "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n" +
         NEXT, [501], True),
    Case("chunks twice", get("/branches/1", "Transfer-Encoding: chunked, chunked") +
         b"0\r\n\r\n" + NEXT, [400], True),
    Case("chunks in two lines", get("/branches/1", CHUNKED, CHUNKED) + b"0\r\n\r\n" + NEXT, [400],
         True),
    Case("chunks, then identity", get("/branches/1", "Transfer-Encoding: chunked, identity") +
         b"0\r\n\r\n" + NEXT, [400], True),
    Case("identity", get("/branches/1", "Transfer-Encoding: identity") + NEXT, [501], True),
    Case("no coding", get("/branches/1", "Transfer-Encoding:") + NEXT, [501], True),
    Case("nearly chunked", get("/branches/1", "Transfer-Encoding: xchunked") + NEXT, [501], True),
    Case("a parameter of chunked", get("/branches/1", "Transfer-Encoding: chunked;a=b") +
         b"0\r\n\r\n" + NEXT, [501], True),
    Case("a quoted coding", get("/branches/1", 'Transfer-Encoding: "chunked"') + NEXT, [501], True),
    Case("a coding with an underscore", get("/branches/1", "Transfer_Encoding: chunked") + NEXT,
         [200, 200], False),
    Case("more than the length says", get("/branches/1", "Content-Length: 1") + b"abc" + NEXT,
         [200, 400], True),
    # Chunks.
    Case("an extension of a chunk", chunks(b"1;a=b\r\na\r\n0\r\n\r\n"), [200, 200], False),
    Case("a chunk whose size ends in a line feed", chunks(b"1\na\r\n0\r\n\r\n"), [400], True),
    Case("an extension that ends in a line feed", chunks(b"1;a\na\r\n0\r\n\r\n"), [400], True),
    Case("an extension with a carriage return", chunks(b"1;a\rb\r\na\r\n0\r\n\r\n"), [400], True),
    Case("a chunk size that is too large", chunks(b"fffffffffffffffff\r\n"), [400], True),
    Case("a chunk size that wraps", chunks(b"10000000000000001\r\na\r\n0\r\n\r\n"), [400], True),
    Case("a chunk larger than a body may be", chunks(b"7fffffffffffffff\r\n" + b"a" * 70000), [413],
         True),
    Case("a signed chunk size", chunks(b"+1\r\na\r\n0\r\n\r\n"), [400], True),
    Case("a chunk size with 0x", chunks(b"0x1\r\na\r\n0\r\n\r\n"), [400], True),
    Case("a blank before a chunk size", chunks(b" 1\r\na\r\n0\r\n\r\n"), [400], True),
    Case("a chunk size of no digits", chunks(b"\r\na\r\n0\r\n\r\n"), [400], True),
    Case("a chunk that ends in a line feed", chunks(b"1\r\na\n0\r\n\r\n"), [400], True),
    Case("more than the chunk says", chunks(b"1\r\nab\r\n0\r\n\r\n"), [400], True),
    Case("a trailer that is a length", chunks(b"0\r\nContent-Length: 5\r\n\r\n"), [200, 200],
         False),
    Case("a folded trailer", chunks(b"0\r\nA: b\r\n c\r\n\r\n"), [400], True),
    Case("chunks that end in a line feed", chunks(b"1\r\na\r\n0\r\n\n"), [400], True),
    Case("a trailer that ends in a line feed", chunks(b"0\r\nA: b\r\n\n"), [400], True),
    Case("a trailer", chunks(b"1\r\na\r\n0\r\nA: b\r\n\r\n"), [200, 200], False),
    Case("a last chunk that does not end", chunks(b"0\r\n"), [400], True),
    # Lines.
    Case("bare line feeds", b"GET /branches/1 HTTP/1.1\nHost: x\n\n" + NEXT, [400], True),
    Case("a first line that ends in a line feed", b"GET /branches/1 HTTP/1.1\nHost: x\r\n\r\n" + NEXT,
         [400], True),
    Case("a head without headers that ends in a line feed", b"GET /branches/1 HTTP/1.0\r\n\n" + NEXT,
         [400], True),
    Case("a header without a value before a line feed", get("/branches/1", "A:")[:-2] + b"\n" + NEXT,
         [400], True),
    Case("a header that ends in a line feed", get("/branches/1", "A: b\nB: c") + NEXT, [400], True),
    Case("a head that ends in a line feed", get("/branches/1")[:-2] + b"\n" + NEXT, [400], True),
    Case("a carriage return in a value", get("/branches/1", "A: b\rContent-Length: 5") + NEXT, [400],
         True),
    Case("a carriage return before a name", get("/branches/1", "\rContent-Length: 5") + NEXT, [400],
         True),
    Case("two carriage returns", get("/branches/1", "A: b\r") + NEXT, [400], True),
    Case("a head that ends in carriage returns", get("/branches/1")[:-1] + b"\rX" + NEXT, [400],
         True),
    Case("a folded line", get("/branches/1", "A: b\r\n c") + NEXT, [400], True),
    Case("a line folded with a tab", get("/branches/1", "A: b\r\n\tc") + NEXT, [400], True),
    Case("a folded line of blanks", get("/branches/1", "A: b\r\n ") + NEXT, [400], True),
    Case("a folded coding", get("/branches/1", "Transfer-Encoding:\r\n chunked") + b"0\r\n\r\n" +
         NEXT, [400], True),
    Case("a folded length", get("/branches/1", "Content-Length:\r\n 5") + b"hello" + NEXT, [400],
         True),
    Case("a fold before the first header", b"GET /branches/1 HTTP/1.1\r\n Host: x\r\n\r\n" + NEXT,
         [400], True),
    Case("a blank before the colon", get("/branches/1", "Content-Length : 1") + b"a" + NEXT, [400],
         True),
    Case("a tab before the colon", get("/branches/1", "Transfer-Encoding\t: chunked") + NEXT, [400],
         True),
    Case("a header without a name", get("/branches/1", ": a") + NEXT, [400], True),
    Case("a header without a colon", get("/branches/1", "Content-Length") + NEXT, [400], True),
    Case("a zero byte in a value", get("/branches/1", "A: \0") + NEXT, [400], True),
    Case("a zero byte in a name", get("/branches/1", "A\0: b") + NEXT, [400], True),
    Case("a zero byte in the target", get("/branches/1\0") + NEXT, [400], True),
    Case("a control character in a value", get("/branches/1", "A: \x0b") + NEXT, [400], True),
    # The first line, and whom it is for.
    Case("blanks before the version", get("/branches/1 ") + NEXT, [200, 200], False),
    Case("blanks before the target", get(" /branches/1") + NEXT, [200, 200], False),
    Case("a tab before the target", get("\t/branches/1") + NEXT, [400], True),
    Case("a blank before the method", b" " + get("/branches/1") + NEXT, [400], True),
    Case("a line feed before the method", b"\n" + get("/branches/1") + NEXT, [200, 200], False),
    Case("a blank behind the version", get("/branches/1").replace(b"1.1", b"1.1 ", 1) + NEXT, [400],
         True),
    Case("another host in the target", get("http://other/branches/1") + NEXT, [200, 200], False),
    Case("two Hosts", get("/branches/1", "Host: y") + NEXT, [400], True),
    Case("the same Host twice", get("/branches/1", "Host: x") + NEXT, [400], True),
    Case("no Host", b"GET /branches/1 HTTP/1.1\r\n\r\n" + NEXT, [400], True),
    Case("a method in small letters", get("/branches/1").replace(b"GET", b"get", 1) + NEXT, [400],
         True),
    Case("a method that nobody knows", get("/branches/1").replace(b"GET", b"BREW", 1) + NEXT, [400],
         True),
    Case("CONNECT", b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n" + NEXT, [404, 200], False),
    Case("a blank in the target", get("/branches/1 ?a") + NEXT, [400], True),
    Case("a target that is no path", get("branches/1") + NEXT, [400], True),
    Case("a target beyond ASCII", get("/branches/\u00e9") + NEXT, [400], True),
    Case("a target that goes up", get("/branches/../branches/1") + NEXT, [404, 200], False),
    Case("an encoded target", get("/%62ranches/1") + NEXT, [200, 200], False),
)

CASES = USUAL + SHAPES
