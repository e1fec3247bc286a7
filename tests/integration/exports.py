"""The CSV exports of the Atelier storefront as Python rows: the half of the oracle that reads.

The rules of `vitrine import` are written again here, without its code: what a record is, what a
value of each type is, which records are rejected and on which line reading resumes.
"""

import re

# name, or header=name where they differ; type; "!" for required; bounds of integers.
TABLES = {
    "products": ("product.csv", "id:integer! name:text slogan:text description:text category:text "
                                "default_price:decimal"),
    "features": ("features.csv", "id:integer! product_id:integer! feature:text value:text"),
    "styles": ("styles.csv", "id:integer! productId=product_id:integer! name:text "
                             "sale_price:decimal original_price:decimal default_style:boolean"),
    "skus": ("skus.csv", "id:integer! styleId=style_id:integer! size:text quantity:integer"),
    "photos": ("photos.csv", "id:integer! styleId=style_id:integer! url:url thumbnail_url:url"),
    "related": ("related.csv", "id:integer! current_product_id=product_id:integer! "
                               "related_product_id=related_id:integer!"),
    "reviews": ("reviews.csv", "id:integer! product_id:integer! rating:integer!1..5 "
                               "date:timestamp! summary:text body:text recommend:boolean "
                               "reported:boolean! reviewer_name:text reviewer_email:text "
                               "response:text helpfulness:integer!"),
    "reviews_photos": ("reviews_photos.csv", "id:integer! review_id:integer! url:url"),
    "characteristics": ("characteristics.csv", "id:integer! product_id:integer! name:text!"),
    "characteristic_reviews": ("characteristic_reviews.csv",
                               "id:integer! characteristic_id:integer! review_id:integer! "
                               "value:integer!1..5"),
    "questions": ("questions.csv", "id:integer! product_id:integer! body:text "
                                   "date_written:timestamp! asker_name:text asker_email:text "
                                   "reported:boolean! helpful:integer!"),
    "answers": ("answers.csv", "id:integer! question_id:integer! body:text "
                               "date_written:timestamp! answerer_name:text answerer_email:text "
                               "reported:boolean! helpful:integer!"),
    "answers_photos": ("answers_photos.csv", "id:integer! answer_id:integer! url:url"),
}

RECORD_BYTES = 1 << 20
RECORD_LINES = 1000
LEAST_MS, MOST_MS = -62167219200000, 253402300799999


class Bad(Exception):
    """A record, or a value in it, that the import must reject."""


# ---- CSV ----


def end_of_field(data, at):
    """What ends a field at AT: (",", next), ("line", next), or None."""
    if data[at : at + 1] == b",":
        return ",", at + 1
    if data[at : at + 1] == b"\n":
        return "line", at + 1
    if data[at : at + 2] == b"\r\n":
        return "line", at + 2
    return ("line", at) if at == len(data) else None


def read_quoted(data, at, limit):
    """The quoted field at AT: its bytes and where it ended."""
    seek = at + 1
    while True:
        quote = data.find(b'"', seek, limit)
        if quote < 0:
            raise Bad("a quoted field does not end")
        if data[quote + 1 : quote + 2] != b'"':
            return data[at + 1 : quote].replace(b'""', b'"'), quote + 1
        seek = quote + 2


UNQUOTED = re.compile(rb"[^,\n]*")


def read_record(data, at):
    """The record at AT: [(bytes, is_quoted)] and where the next one begins."""
    start, fields = at, []
    limit = start + RECORD_BYTES
    while True:
        if data[at : at + 1] == b'"':
            text, at = read_quoted(data, at, limit)
            fields.append((text, True))
            end = end_of_field(data, at)
            if end is None:
                raise Bad("text after a closing quote")
        else:
            stop = UNQUOTED.match(data, at).end()
            text = data[at:stop]
            if data[stop : stop + 1] == b"\n" and text.endswith(b"\r"):
                text, stop = text[:-1], stop - 1
            fields.append((text, False))
            end = end_of_field(data, stop)
        kind, at = end
        if kind == "line":
            break
    if data.count(b"\n", start, at) > RECORD_LINES:
        raise Bad("a quoted field does not end")
    return fields, at


# ---- values ----


def parse_integer(text):
    """An integer of 64 bits, or None."""
    if not re.fullmatch(r"-?[0-9]+", text):
        return None
    value = int(text)
    return value if -(1 << 63) <= value < 1 << 63 else None


def integer(text, bounds):
    value = parse_integer(text)
    if value is None or (bounds and not bounds[0] <= value <= bounds[1]):
        raise Bad("not an integer")
    return value


def boolean(text, _):
    value = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}.get(
        text.lower()
    )
    if value is None:
        raise Bad("not a boolean")
    return value


def decimal(text, _):
    """Hundredths, rounded half away from zero."""
    text = re.sub(r"^[A-Za-z_:$ \t\r\n]+", "", text)
    match = re.fullmatch(r"(-?)([0-9]+)(?:\.([0-9]*))?", text)
    if not match:
        raise Bad("not a decimal")
    sign, whole, fraction = match.groups()
    digits = ((fraction or "") + "000")[:3]
    value = (int(whole) * 1000 + int(digits) + 5) // 10
    value = -value if sign else value
    if not -(1 << 63) <= value < 1 << 63:
        raise Bad("a decimal too large")
    return value


WHEN = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?"
    r"(?:Z|([+-])([0-9]{2})(?::?([0-9]{2}))?)?)?"
)
MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_before_year(year):
    """Days from 0000-01-01."""
    past = year - 1
    return year * 365 + past // 4 - past // 100 + past // 400 + 1 if year > 0 else 0


def month_lengths(year):
    return [days + (month == 1 and is_leap(year)) for month, days in enumerate(MONTH_DAYS)]


def timestamp(text, _):
    """Milliseconds since 1970."""
    if re.fullmatch(r"-?[0-9]+", text):
        value = int(text)
    else:
        match = WHEN.fullmatch(text)
        if not match:
            raise Bad("not a timestamp")
        year, month, day, hour, minute, second = (int(n or 0) for n in match.groups()[:6])
        fraction, sign, zone_hour, zone_minute = match.groups()[6:]
        if not (1 <= month <= 12 and 1 <= day <= month_lengths(year)[month - 1]):
            raise Bad("no such day")
        east = int(zone_hour or 0) * 60 + int(zone_minute or 0)
        if hour > 23 or minute > 59 or second > 59 or east > 15 * 60 + 59:
            raise Bad("no such time")
        if int(zone_minute or 0) > 59:
            raise Bad("no such zone")
        days = days_before_year(year) + sum(month_lengths(year)[: month - 1]) + day - 1
        days -= days_before_year(1970)
        minutes = (days * 24 + hour) * 60 + minute - (-east if sign == "-" else east)
        value = (minutes * 60 + second) * 1000 + int(((fraction or "") + "000")[:3])
    if not LEAST_MS <= value <= MOST_MS:
        raise Bad("a timestamp out of range")
    return value


TYPES = {"integer": integer, "boolean": boolean, "decimal": decimal, "timestamp": timestamp}


def mend_url(text):
    if re.match("https?://", text):
        return text
    match = re.match("[A-Za-z]{1,8}?(?=https?://)", text)
    return text[match.end() :] if match else text


def value_of(field, kind, bounds):
    """A field as a value of its column: None is null."""
    raw, is_quoted = field
    text = raw.decode("utf-8")
    if kind in ("text", "url"):
        if text.lower() == "null" or (text == "" and not is_quoted):
            return None
        return mend_url(text) if kind == "url" else text
    text = text.strip(" \t\r\n")
    if text == "" or text.lower() == "null":
        return None
    return TYPES[kind](text, bounds)


# ---- tables ----


def parse_columns(spec):
    columns = []
    for item in spec.split():
        match = re.fullmatch(r"(?:(\w+)=)?(\w+):([a-z]+)(!?)(?:(\d+)\.\.(\d+))?", item)
        header, name, kind, required, least, most = match.groups()
        bounds = (int(least), int(most)) if least else None
        columns.append((header or name, name, kind, bool(required), bounds))
    return columns


def read_row(fields, places, width):
    if len(fields) != width:
        raise Bad("another number of fields than the header")
    row = {}
    for (_, name, kind, required, bounds), place in places:
        row[name] = value_of(fields[place], kind, bounds)
        if required and row[name] is None:
            raise Bad(f"{name} is null")
    return row


def read_table(path, spec):
    """The rows of one export by id, and the lines that are rejected."""
    data = path.read_bytes()
    at = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    header, next_at = read_record(data, at)
    names = [text.decode() for text, _ in header]
    places = [(column, names.index(column[0])) for column in parse_columns(spec)]
    line, rows, rejects = 1, {}, []
    line, at = line + data.count(b"\n", at, next_at), next_at
    while at < len(data):
        line_end = data.find(b"\n", at) + 1 or len(data)
        if data[at:line_end] in (b"\n", b"\r\n"):
            line, at = line + 1, line_end
            continue
        try:
            fields, next_at = read_record(data, at)
            record = data[at:next_at]
            record.decode("utf-8")  # also of columns that are ignored
            if b"\0" in record:
                raise Bad("a NUL")
            row = read_row(fields, places, len(names))
        except (Bad, UnicodeDecodeError):
            rejects.append(line)
            line, at = line + 1, line_end
            continue
        if row["id"] in rows:
            rejects.append(line)
        else:
            rows[row["id"]] = row
        line, at = line + data.count(b"\n", at, next_at), next_at
    return rows, rejects
