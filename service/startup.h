/*
 * What a service asks of the system for its process before it begins: file descriptors, and which
 * signals it hears.
 */
#ifndef VITRINE_SERVICE_STARTUP_H
#define VITRINE_SERVICE_STARTUP_H

/* For the whole process, before it has threads. Errors: none; best effort. */
void startup_prepare(void);

#endif
