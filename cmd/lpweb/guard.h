/* guard.h - which requests are answered at all.
 *
 * The server listens where every program of the machine can connect, and every site that a browser
 * shows can send requests. So a request must name this server as its host, which one sent by DNS
 * rebinding does not; must not come from another site; and a call needs the secret that stands in
 * the address which lpweb has printed. A call has a type and a header that no form can send, and no
 * other site is ever permitted to send them (there is no CORS). */
#ifndef LPWEB_GUARD_H
#define LPWEB_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SECRET_DIGITS = 32, HOSTS = 4 };

struct guard {
    char secret[SECRET_DIGITS + 1];
    char ticket[SECRET_DIGITS + 1]; /* opens the page once: it is seen in the list of processes */
    char hosts[HOSTS][80];          /* "127.0.0.1:8501", ... */
    size_t nhosts;
    uint64_t body_max; /* bytes */
};

/* What a request says of itself; NULL where it does not. */
struct headers {
    const char *method, *path;
    const char *host, *origin, *site, *mode, *destination; /* Sec-Fetch-... */
    const char *secret, *type, *length, *transfer_encoding;
};

/* An answer that refuses, or 0 and NULL. */
struct refusal {
    unsigned code;
    const char *why;
};

/* call: the path is of the API, not of the page. */
struct refusal guard_check(const struct guard *guard, const struct headers *headers, bool call);

/* Draws a secret. False where the system gives no random bytes. */
bool guard_draw(char digits[SECRET_DIGITS + 1]);
/* Compares in a time that does not depend on where they differ. */
bool guard_same(const char *a, const char *b);

#endif
