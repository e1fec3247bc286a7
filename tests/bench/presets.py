"""Loads with names: what the load tests of earlier storefronts asked of them, and how fast.

The services that Vitrine replaces published what they stood; ORIGINS has their words as figures. A preset
is the load alone: routes, which share of the products, the rate, and for how long.
"""

from collections import namedtuple

import mix

# Weight, name, path; the number is a random product of the share.
PRODUCT = ((1, "product", "/products/%d"),)
REVIEWS = ((1, "reviews", "/reviews?product_id=%d"), (1, "meta", "/reviews/meta?product_id=%d"))
READS = tuple(route for route in mix.READS if route[1] not in mix.OF_QUESTIONS)

Preset = namedtuple("Preset", "about routes share rate seconds fresh")

PRESETS = {
    "newest": Preset("random products of the last 20 %", PRODUCT, (0.8, 1), 2000, 60, False),
    "first": Preset("random products of the first half", PRODUCT, (0, 0.5), 1000, 60, False),
    "steady": Preset("the read mix over all products", READS, (0, 1), 1000, 60, False),
    "records": Preset("reviews and their statistics: 31 million records", REVIEWS, (0, 1), 1300, 60,
                      False),
    "visitors": Preset("the read mix, a new connection for each request", READS, (0, 1), 250, 60,
                       True),
}


def mix_file(path, preset, products):
    """The routes of PRESET for so many products, for load --mix."""
    first, last = (round(products * share) for share in preset.share)
    path.write_text("".join(f"{weight} {name} {route} {first + 1}-{last}\n"
                            for weight, name, route in preset.routes))
    return path
