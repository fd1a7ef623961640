/* listen.h - the sockets that lpweb listens on. */
#ifndef LPWEB_LISTEN_H
#define LPWEB_LISTEN_H

#include "shared/tool.h"

enum { LISTENERS = 2 };

struct listeners {
    int fds[LISTENERS];
    char hosts[LISTENERS][64]; /* "127.0.0.1", "[::1]": as addresses have them */
    size_t n;
    unsigned port; /* the same for all */
};

/* Listens on 127.0.0.1 and, where the system has it, ::1, or on address alone unless it is NULL.
 * port: 0 for any that is free. Tries up to tries ports, each one higher. Exits when none is free,
 * or the address is none of this machine. */
struct listeners listen_open(const struct tool *tool, const char *address, unsigned port,
                             unsigned tries);

/* Whether only this machine can connect. */
bool listen_is_local(const struct listeners *listeners);

#endif
