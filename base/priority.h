/*
 * Work that gives way to whoever waits for an answer.
 *
 * Errors: none; best effort.
 */
#ifndef VITRINE_BASE_PRIORITY_H
#define VITRINE_BASE_PRIORITY_H

enum {
    PRIORITY_BEHIND = 10, /* behind everything of the default priority */
    PRIORITY_IDLE = 19,   /* only when there is nothing else to do, also on the disk */
};

/* Of the calling thread alone, from now on; never raises it. */
void priority_lower(int nice);

#endif
