#include "service/served.h"

enum err served_open(struct plan *plan, struct served *out, struct errmsg *msg)
{
    struct reader *reader;
    enum err rc = reader_open(plan->release, &reader, msg);

    if (rc != ERR_NONE) {
        plan_drop(plan);
        return rc;
    }
    reader_watch(reader);
    *out = (struct served){.plan = plan, .reader = reader};
    return ERR_NONE;
}

void served_close(struct served *served)
{
    reader_close(served->reader);
    plan_drop(served->plan);
    *served = (struct served){0};
}
