/* server.h - answers requests: one loop, one thread, and a process for each call. */
#ifndef LPWEB_SERVER_H
#define LPWEB_SERVER_H

#include "lpweb/guard.h"
#include "lpweb/listen.h"
#include "shared/find.h"

struct server;

/* The guard is copied; stop is a descriptor that becomes readable when the server is to end. Exits
 * on failure. */
struct server *server_start(const struct tool *tool, struct finder *finder,
                            const struct guard *guard, const struct listeners *listeners, int stop);
/* Serves until then. */
void server_run(struct server *server);
/* Ends all calls and connections. */
void server_free(struct server *server);

#endif
