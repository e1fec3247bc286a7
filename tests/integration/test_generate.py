"""`vitrine generate`: the exports are what the definition says, byte for byte the same each time."""
import collections
import csv
import functools
import hashlib
import os
import re
import tempfile
import unittest

from support import vitrine

# File, header and rows of the full public set; products there: 1,000,011.
FULL = 1000011
EXPORTS = {
    "product.csv": ("id,name,slogan,description,category,default_price", 1000011),
    "features.csv": ("id,product_id,feature,value", 2219279),
    "styles.csv": ("id,productId,name,sale_price,original_price,default_style", 1958102),
    "skus.csv": ("id,styleId,size,quantity", 11323917),
    "photos.csv": ("id,styleId,url,thumbnail_url", 5655656),
    "related.csv": ("id,current_product_id,related_product_id", 4508263),
    "reviews.csv": ("id,product_id,rating,date,summary,body,recommend,reported,reviewer_name,"
                    "reviewer_email,response,helpfulness", 5774952),
    "reviews_photos.csv": ("id,review_id,url", 2742540),
    "characteristics.csv": ("id,product_id,name", 3347679),
    "characteristic_reviews.csv": ("id,characteristic_id,review_id,value", 19327575),
    "questions.csv": ("id,product_id,body,date_written,asker_name,asker_email,reported,helpful",
                      3518963),
    "answers.csv": ("id,question_id,body,date_written,answerer_name,answerer_email,reported,"
                    "helpful", 6879306),
    "answers_photos.csv": ("id,answer_id,url", 2063759),
}
PRODUCTS = 20000


def digests(folder):
    """Name to hash of the files in FOLDER."""
    found = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = hashlib.sha256(file.read()).hexdigest()
    return found


@functools.lru_cache(maxsize=4)
def read(folder, name):
    """The records of a clean file, as dicts."""
    with open(os.path.join(folder, name), newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Clean(unittest.TestCase):
    """Exports without dirt."""

    @classmethod
    def setUpClass(cls):
        cls.temp = tempfile.TemporaryDirectory()
        cls.folder = os.path.join(cls.temp.name, "exports")
        cls.output = vitrine("generate", "--products", PRODUCTS, cls.folder).stdout

    @classmethod
    def tearDownClass(cls):
        cls.temp.cleanup()

    def test_every_file_has_its_header_and_as_many_fields_in_each_record(self):
        self.assertEqual(sorted(EXPORTS), sorted(os.listdir(self.folder)))
        for name, (header, _) in EXPORTS.items():
            with open(os.path.join(self.folder, name), newline="", encoding="utf-8") as file:
                records = csv.reader(file, strict=True)
                self.assertEqual(",".join(next(records)), header)
                width = header.count(",") + 1
                for number, record in enumerate(records, 1):
                    self.assertEqual(len(record), width, name)
                    self.assertEqual(record[0], str(number), name)

    def test_row_counts_follow_the_public_set(self):
        for name, (_, rows) in EXPORTS.items():
            wanted = rows * PRODUCTS / FULL
            # Pairs are a sum of products of two skewed numbers: they settle at larger scales.
            share = 0.04 if name == "characteristic_reviews.csv" else 0.01
            with self.subTest(name):
                self.assertAlmostEqual(len(read(self.folder, name)) / wanted, 1, delta=share)

    def test_pairs_are_reviews_times_characteristics_of_their_product(self):
        reviews = collections.Counter(r["product_id"] for r in read(self.folder, "reviews.csv"))
        traits = collections.Counter(
            r["product_id"] for r in read(self.folder, "characteristics.csv"))
        pairs = sum(count * traits[product] for product, count in reviews.items())
        self.assertEqual(len(read(self.folder, "characteristic_reviews.csv")), pairs)

    def test_reviews_are_skewed_and_helpfulness_ties(self):
        reviews = read(self.folder, "reviews.csv")
        counts = collections.Counter(r["product_id"] for r in reviews)
        self.assertAlmostEqual(1 - len(counts) / PRODUCTS, 0.17, delta=0.01)
        self.assertGreater(sum(count >= 200 for count in counts.values()), 10)
        self.assertLessEqual(max(counts.values()), 600)
        ties = collections.Counter(r["helpfulness"] for r in reviews)
        self.assertGreater(ties["0"], len(reviews) / 5)
        self.assertGreater(ties["30"], 0)

    def test_texts_have_the_lengths_of_the_public_set(self):
        bounds = {("reviews.csv", "body"): (60, 600, 200), ("reviews.csv", "summary"): (20, 80, 55),
                  ("product.csv", "description"): (100, 400, 215),
                  ("questions.csv", "body"): (30, 150, 80), ("answers.csv", "body"): (30, 250, 105)}
        for (name, column), (least, most, mean) in bounds.items():
            sizes = [len(r[column].encode()) for r in read(self.folder, name)]
            with self.subTest(f"{name} {column}"):
                self.assertGreaterEqual(min(sizes), least - 15)
                self.assertLessEqual(max(sizes), most)
                self.assertAlmostEqual(sum(sizes) / len(sizes) / mean, 1, delta=0.1)

    def test_texts_hold_what_parsers_stumble_over(self):
        bodies = "\0".join(r["body"] for r in read(self.folder, "reviews.csv"))
        for piece in ('"', "\\", "\n", ",", "é", "😍", "とても", "\t"):
            self.assertIn(piece, bodies)

    def test_sizes_of_a_style_and_traits_of_a_product_differ(self):
        for name, parent, column in (("skus.csv", "styleId", "size"),
                                     ("characteristics.csv", "product_id", "name")):
            pairs = [(r[parent], r[column]) for r in read(self.folder, name)]
            self.assertEqual(len(pairs), len(set(pairs)), name)

    def test_a_product_has_one_default_style_and_some_sales(self):
        styles = read(self.folder, "styles.csv")
        defaults = collections.Counter(
            s["productId"] for s in styles if s["default_style"] == "true")
        self.assertEqual(set(defaults.values()), {1})
        self.assertEqual(len(defaults), len({s["productId"] for s in styles}))
        self.assertGreater(sum(s["sale_price"] == "null" for s in styles), len(styles) / 2)

    def test_the_count_table_tells_rows_and_bytes(self):
        told = dict(re.findall(r"^(\w+) +[\d,]+ +([\d,]+)$", self.output, re.MULTILINE))
        size = os.path.getsize(os.path.join(self.folder, "reviews.csv"))
        self.assertEqual(told["reviews"], f"{size:,}")
        self.assertRegex(self.output, r"[\d,]+ rows/s\n$")


class Program(unittest.TestCase):
    """The command line."""

    def setUp(self):
        self.temp = tempfile.TemporaryDirectory()
        self.addCleanup(self.temp.cleanup)

    def make(self, name, *arguments):
        """Generates into a folder of that name; the hashes of its files."""
        folder = os.path.join(self.temp.name, name)
        vitrine("generate", *arguments, folder)
        return digests(folder)

    def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(self):
        for dirt in ((), ("--dirt",)):
            first = self.make("first", "--products", 200, *dirt)
            self.assertEqual(first, self.make("again", "--scale", 200, *dirt))
            other = self.make("other", "--products", 200, "--seed", 2, *dirt)
            for name, digest in first.items():
                self.assertNotEqual(digest, other[name], name)

    def test_one_table_alone_is_the_same_as_with_all_others(self):
        everything = self.make("all", "--products", 200)
        some = self.make("some", "--products", 200, "--only", "answers,characteristic_reviews")
        self.assertEqual(set(some), {"answers.csv", "characteristic_reviews.csv"})
        for name, digest in some.items():
            self.assertEqual(digest, everything[name])

    def test_wrong_words_are_refused_with_advice(self):
        cases = [
            (("--produts", "5", "x"), 2, "there is no option --produts; did you mean --products?"),
            (("--seeds", "5", "x"), 2, "did you mean --seed?"),
            (("--products", "0", "x"), 2, "--products takes a number from 1 to 1000000000"),
            (("--products", "many", "x"), 2, "--products takes a number from 1 to 1000000000"),
            (("--only", "shelves", "x"), 2, "there is no table shelves with a sample"),
            (("--products", "5"), 2, "an argument is missing"),
            (("--products", "5", "/proc/nowhere/x"), 1, "/proc/nowhere"),
            (("--definition", "/nowhere.yaml", "x"), 1, "/nowhere.yaml"),
        ]
        for arguments, code, message in cases:
            with self.subTest(arguments):
                done = vitrine("generate", *arguments, check=False)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(message, done.stderr)


class Dirt(unittest.TestCase):
    """What --dirt adds."""

    @classmethod
    def setUpClass(cls):
        cls.temp = tempfile.TemporaryDirectory()
        vitrine("generate", "--products", 2000, "--dirt", cls.temp.name)

    @classmethod
    def tearDownClass(cls):
        cls.temp.cleanup()

    def content(self, name):
        """The bytes of a file."""
        with open(os.path.join(self.temp.name, name), "rb") as file:
            return file.read()

    def test_some_files_have_a_mark_a_missing_end_or_other_line_ends(self):
        contents = [self.content(name) for name in EXPORTS]
        self.assertGreater(sum(c.startswith(b"\xef\xbb\xbf") for c in contents), 1)
        self.assertGreater(sum(not c.endswith(b"\n") for c in contents), 1)
        self.assertEqual(sum(c.split(b"\n", 1)[0].endswith(b"\r") for c in contents), 1)

    def test_every_kind_is_in_every_file_that_has_a_column_for_it(self):
        kinds = {
            "an ISO day": (rb',"20\d\d-\d\d-\d\d",', "reviews questions answers"),
            "an ISO time": (rb',"20\d\d-\d\d-\d\dT[\d:.]+Z",', "reviews questions answers"),
            "a boolean as 1": (rb',(1|0|TRUE|t|f|False|"[01]")(,|\n)',
                               "reviews styles questions answers"),
            "a quoted null": (rb'"null"', "product features styles reviews answers photos skus"),
            "a backslash": (rb'(\\|\\\\|\\x| it\\\')"', "product reviews questions answers"),
            "a mistyped scheme": (rb'"(u|h)https://', "photos reviews_photos answers_photos"),
            "a prefix": (rb",default_price: \d+\n", "product"),
            "padding": (rb'(,   \d+\t |," \d+  ")', "product styles skus related reviews"),
            "an overlong text": (rb" \(again\) [^\n]{900}", "product reviews questions answers"),
            "broken UTF-8": (rb'( caf\xe9|\xc3\(|\xf0\x9f\x98|\xed\xa0\x80)"',
                             "product reviews questions answers characteristics"),
            "a rating out of bounds": (rb",9,", "reviews"),
            "a value out of bounds": (rb",9\n", "characteristic_reviews"),
            "a key with a letter": (rb"(^|,|\n)x\d+", "product styles skus reviews related"),
            "a field too many": (rb",one more\r?(\n|$)", " ".join(n[:-4] for n in EXPORTS)),
            "an empty key": (rb'(\n|,|^)(""|),', "related styles reviews_photos"),
        }
        for kind, (pattern, tables) in kinds.items():
            for table in tables.split():
                with self.subTest(f"{kind} in {table}"):
                    self.assertRegex(self.content(table + ".csv"), pattern)

    def test_some_records_are_out_of_order_and_some_keys_occur_twice(self):
        for name in EXPORTS:
            keys = [int(key) for key in
                    re.findall(rb"(?:^|\n)(\d+),", self.content(name))]
            with self.subTest(name):
                self.assertGreater(sum(a > b for a, b in zip(keys, keys[1:])), 0)
                self.assertLess(len(set(keys)), len(keys))

    def test_some_related_keys_are_0_and_some_sizes_occur_twice(self):
        self.assertRegex(self.content("related.csv"), rb"\n\d+,\d+,0\n")
        sizes = re.findall(rb"\n\d+,(\d+),\"(\w+)\",", self.content("skus.csv"))
        self.assertLess(len(set(sizes)), len(sizes))

    def test_a_quote_that_is_never_closed_swallows_a_line(self):
        lines = self.content("reviews.csv").split(b"\n")
        odd = sum(line.count(b'"') % 2 for line in lines)
        self.assertGreater(odd, 10)


if __name__ == "__main__":
    unittest.main()
