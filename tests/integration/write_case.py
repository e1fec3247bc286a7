"""What tests of the storefront's writes share: a store on either database, and bodies for it."""

import threading

import support
from write_routes import encode
from writing import TEXT_TYPE, Store

PRODUCTS = 30
SEEN_S = 60
MOST_SHOWN = 8


class Writes:
    """One store for all tests; each test looks at what it changes itself."""

    source_class = None

    @classmethod
    def setUpClass(cls):
        cls.store = Store(cls.source_class, products=PRODUCTS)
        cls.addClassCleanup(cls.store.close)
        cls.source = cls.store.source
        cls.store.serve()
        cls.store.wait_for_source()
        rows = cls.source.rows("SELECT id, product_id FROM characteristics ORDER BY id")
        cls.product = rows[0]["product_id"]
        cls.own = [row["id"] for row in rows if row["product_id"] == cls.product]
        cls.foreign = next(row["id"] for row in rows if row["product_id"] != cls.product)
        cls.question = cls.first("questions")
        cls.sku = cls.first("skus")

    @classmethod
    def first(cls, table, where="1 = 1"):
        return cls.source.rows(f"SELECT min(id) AS id FROM {table} WHERE {where}")[0]["id"]

    def setUp(self):
        self.web = self.store.web()
        self.addCleanup(self.web.close)

    def path(self, write):
        return write.path.format(question=self.question)

    def valid(self, write, **other):
        """A body that WRITE takes."""
        bodies = {
            "/reviews": {"product_id": self.product, "rating": 4, "summary": "As described",
                         "body": "It fits as described, and the colour is the one of the picture.",
                         "recommend": True, "name": "jane", "email": "jane@mail.example",
                         "photos": ["https://images.example.com/1.jpg"],
                         "characteristics": {str(id_): 5 for id_ in self.own}},
            "/qa/questions": {"product_id": self.product, "body": "Does it shrink?", "name": "joe",
                              "email": "joe@mail.example"},
            "/qa/questions/{question}/answers": {"body": "No.", "name": "ann",
                                                 "email": "ann@mail.example", "photos": []},
            "/cart": {"sku_id": self.sku},
            "/interactions": {"element": "button.buy", "widget": "overview",
                              "time": "2020-07-30T03:41:21.467Z"},
        }
        return {**bodies[write.path], **other}

    def post(self, write, body, headers=()):
        body = body if isinstance(body, bytes) else encode(body)
        return self.web.ask("POST", self.path(write), body, headers)

    def take(self, write, body, headers=()):
        """A body that must be taken; the answer."""
        answer = self.post(write, body, headers)
        self.assertEqual((201, b"Created"), (answer.status, answer.body), body)
        self.assertEqual(TEXT_TYPE, answer.headers["content-type"])
        self.assertRegex(answer.headers["vitrine-position"], r"\A\d+\Z")
        return answer

    def check_refused(self, cases, ask, expected):
        """CASES are (what, body), or with an EXPECTED of their own; nothing is changed."""
        before, wrong, count = self.source.dump(), [], 0
        for what, body, *own in cases:
            count += 1
            answer = ask(body)
            if [(answer.status, answer.body)] != (own or [expected]) \
                    or answer.headers["content-type"] != TEXT_TYPE:
                wrong.append(f"{what}: {answer.status} {answer.body!r:.100}")
        self.assertEqual(before, self.source.dump())
        self.assertGreater(count, 0)
        if wrong:
            self.fail(f"{len(wrong)} of {count} were not refused as they should be, most as "
                      f"{expected}:\n" + "\n".join(wrong[:MOST_SHOWN]))

    def last(self, table):
        return self.source.rows(f"SELECT * FROM {table} ORDER BY id DESC LIMIT 1")[0]

    def until(self, path, condition, what):
        """The JSON of GET PATH once CONDITION is true of it."""
        def ask():
            body = self.web.get(path)
            return [body] if condition(body) else None

        return support.wait_until(ask, SEEN_S, what)[0]

    def reviews(self, product=None):
        return f"/reviews?product_id={product or self.product}&count=10000&sort=newest"

    @staticmethod
    def at_once(work, count):
        """WORK(list) in COUNT threads; the list."""
        found = []
        threads = [threading.Thread(target=work, args=(found,)) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found
