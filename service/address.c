#include "service/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/bytes.h"
#include "base/number.h"

enum { V4_AT = 12, V4_BITS = 96, BITS = 128 };

static const uint8_t v4_start[V4_AT] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool address_is_v4(const struct address *address)
{
    return memcmp(address->bytes, v4_start, V4_AT) == 0;
}

bool address_is_local(const struct address *address)
{
    static const struct address local[] = {
        {{[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}},
        {{[15] = 1}},
    };

    return address_equal(address, &local[0]) || address_equal(address, &local[1]);
}

/* The first half of an IPv4 address is 0, as it is held here, so its second half is the key. */
uint64_t address_key(const struct address *address)
{
    return load_u64be(address->bytes + (address_is_v4(address) ? 8 : 0));
}

/* Multiply, fold, twice. */
uint64_t address_key_mix(uint64_t key, uint64_t seed)
{
    uint64_t x = key ^ seed;

    x = (x ^ x >> 32) * 0x9e3779b97f4a7c15ULL;
    x = (x ^ x >> 29) * 0xd6e8feb86659fd93ULL;
    return x ^ x >> 32;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static void set_v4(struct address *out, const void *bytes)
{
    memcpy(out->bytes, v4_start, V4_AT);
    memcpy(out->bytes + V4_AT, bytes, 4);
}

bool address_parse(struct slice text, struct address *out)
{
    char copy[ADDRESS_MAX];
    uint8_t v4[4];

    if (text.len == 0 || text.len >= sizeof copy || memchr(text.ptr, '\0', text.len) != NULL) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, v4) == 1) {
        set_v4(out, v4);
        return true;
    }
    return inet_pton(AF_INET6, copy, out->bytes) == 1;
}

bool address_from_socket(const struct sockaddr *from, struct address *out)
{
    if (from->sa_family == AF_INET) {
        set_v4(out, &((const struct sockaddr_in *)from)->sin_addr);
        return true;
    }
    if (from->sa_family == AF_INET6) {
        memcpy(out->bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, sizeof out->bytes);
        return true;
    }
    return false;
}

void address_write(const struct address *address, char *out)
{
    if (address_is_v4(address)) {
        inet_ntop(AF_INET, address->bytes + V4_AT, out, ADDRESS_MAX);
    } else {
        inet_ntop(AF_INET6, address->bytes, out, ADDRESS_MAX);
    }
}

/* The mask of byte AT of a network with PREFIX bits. */
static uint8_t mask(unsigned prefix, unsigned at)
{
    unsigned bits = prefix > 8 * at ? prefix - 8 * at : 0;

    return bits >= 8 ? 0xff : (uint8_t)(0xff00 >> bits);
}

bool network_holds(const struct network *network, const struct address *address)
{
    for (unsigned i = 0; i < sizeof address->bytes; i++) {
        if ((address->bytes[i] & mask(network->prefix, i)) != network->first.bytes[i]) {
            return false;
        }
    }
    return true;
}

static enum err refuse(const char *text, struct errmsg *msg)
{
    return err_set(msg, ERR_USAGE,
                   "\"%s\" is no network; write one like 10.0.0.0/8, 2001:db8::/32 or 192.0.2.1",
                   text);
}

enum err network_parse(const char *text, struct network *out, struct errmsg *msg)
{
    const char *slash = strchr(text, '/');
    size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
    struct network network;
    unsigned most;
    int64_t bits;

    if (!address_parse(slice_of(text, len), &network.first)) {
        return refuse(text, msg);
    }
    /* ::ffff:0:0/96 is an IPv6 text whose prefix counts from the start. */
    most = memchr(text, ':', len) == NULL ? BITS - V4_BITS : BITS;
    bits = most;
    if (slash != NULL && (!parse_integer(slice_str(slash + 1), &bits) || bits < 0 || bits > most)) {
        return refuse(text, msg);
    }
    network.prefix = (unsigned)bits + BITS - most;
    if (!network_holds(&network, &network.first)) {
        char first[ADDRESS_MAX];

        for (unsigned i = 0; i < sizeof network.first.bytes; i++) {
            network.first.bytes[i] &= mask(network.prefix, i);
        }
        address_write(&network.first, first);
        return err_set(msg, ERR_USAGE, "%s is not where its network begins; write %s/%lld", text,
                       first, (long long)bits);
    }
    *out = network;
    return ERR_NONE;
}
