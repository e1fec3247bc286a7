#include "service/limits.h"

void limits_init(struct limits *limits, unsigned per_second, const struct proxies *proxies)
{
    *limits = (struct limits){.proxies = *proxies};
    if (per_second > 0) {
        limits->rates = rate_table_make(per_second, LIMITS_BURST_S * per_second);
    }
}

void limits_free(struct limits *limits)
{
    rate_table_free(limits->rates);
    limits->rates = NULL;
}

bool limits_admit(struct limits *limits, const struct address *peer, struct slice forwarded,
                  int64_t now_ms, unsigned *retry_after_s)
{
    struct address client;

    if (limits->rates == NULL) {
        return true;
    }
    client = proxies_client(&limits->proxies, peer, forwarded);
    return rate_take(limits->rates, &client, now_ms, retry_after_s);
}
