"""The hashes of a release: for tests that change its files and make them fit again."""

import ctypes
import json
import re

xxhash = ctypes.CDLL("libxxhash.so.0")
xxhash.XXH3_64bits.restype = ctypes.c_uint64
xxhash.XXH3_64bits.argtypes = (ctypes.c_char_p, ctypes.c_size_t)


def hash_of(data):
    """XXH3-64, as the manifest writes it."""
    return xxhash.XXH3_64bits(data, len(data))


def with_content(text):
    """A manifest whose hashes of files were changed, with its hash over all of them made right."""
    kinds = ("partition", "listing", "definition", "pages")
    content = b"".join(bytes([kinds.index(file["kind"])]) + file["size"].to_bytes(8, "little")
                       + int(file["hash"], 16).to_bytes(8, "little") + file["path"].encode()
                       for file in json.loads(text)["files"])
    return re.sub('"content": "[0-9a-f]{16}"', f'"content": "{hash_of(content):016x}"', text)


def with_checksum(text):
    """The bytes of a manifest whose text was changed, with its checksum made right."""
    body = text[:text.rindex('"checksum": "') + len('"checksum": "')].encode()
    return body + b'%016x"\n}\n' % hash_of(body)
