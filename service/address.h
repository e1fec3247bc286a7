/*
 * Addresses of the Internet, and networks of them.
 *
 * Good for: one form of an address, whether it comes from a socket, a header or the command line;
 * an IPv4 address is held as the IPv6 address that it is mapped to, ::ffff:a.b.c.d.
 * Thread-safety: no state.
 */
#ifndef VITRINE_SERVICE_ADDRESS_H
#define VITRINE_SERVICE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/slice.h"

enum { ADDRESS_MAX = 46 }; /* bytes of the text of an address, with its NUL */

struct address {
    uint8_t bytes[16];
};

struct network {
    struct address first; /* the bits beyond the prefix are 0 */
    unsigned prefix;      /* bits of the 128 that are the same in all its addresses */
};

bool address_is_v4(const struct address *address);
bool address_equal(const struct address *a, const struct address *b);

/* 127.0.0.1 or ::1: this machine, as it calls itself. */
bool address_is_local(const struct address *address);

/* What addresses of one client have in common: all of an IPv4 address, 64 bits of another. */
uint64_t address_key(const struct address *address);

/* A hash of KEY: every bit of both matters to every bit of it. */
uint64_t address_key_mix(uint64_t key, uint64_t seed);

/* "192.0.2.1" or "2001:db8::1", nothing else. */
bool address_parse(struct slice text, struct address *out);

/* False for what is neither IPv4 nor IPv6. */
bool address_from_socket(const struct sockaddr *from, struct address *out);

/* Writes the usual text with a NUL to OUT, ADDRESS_MAX bytes. */
void address_write(const struct address *address, char *out);

/* "10.0.0.0/8", "2001:db8::/32", or one address. ERR_USAGE says what to write instead. */
MUST_CHECK enum err network_parse(const char *text, struct network *out, struct errmsg *msg);

bool network_holds(const struct network *network, const struct address *address);

#endif
