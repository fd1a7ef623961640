#include "lpweb/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

bool guard_draw(char digits[SECRET_DIGITS + 1])
{
    unsigned char bytes[SECRET_DIGITS / 2];
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && read(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes;
    if (fd >= 0)
        close(fd);
    for (size_t i = 0; good && i < sizeof bytes; i++)
        snprintf(digits + 2 * i, 3, "%02x", bytes[i]);
    return good;
}

bool guard_same(const char *a, const char *b)
{
    size_t n = strlen(a);
    unsigned char differ = 0;
    if (n != strlen(b)) /* no secret: how long it is */
        return false;
    for (size_t i = 0; i < n; i++)
        differ |= (unsigned char)(a[i] ^ b[i]);
    return differ == 0;
}

static bool is(const char *header, const char *value)
{
    return header != NULL && strcmp(header, value) == 0;
}

static bool is_own_host(const struct guard *g, const char *host)
{
    size_t i = 0;
    while (i < g->nhosts && strcasecmp(g->hosts[i], host) != 0)
        i++;
    return i < g->nhosts;
}

static bool is_own_origin(const struct guard *g, const char *origin)
{
    static const char scheme[] = "http://";
    const size_t n = sizeof scheme - 1;
    return strncmp(origin, scheme, n) == 0 && is_own_host(g, origin + n);
}

/* A link to the page may stand anywhere, such as in a terminal that a browser shows; the page asks
 * for nothing until its address has the secret. */
static bool is_visit(const struct headers *h)
{
    return is(h->path, "/") && is(h->mode, "navigate") && is(h->destination, "document");
}

static struct refusal check_site(const struct guard *g, const struct headers *h)
{
    if (h->host == NULL || !is_own_host(g, h->host))
        return (struct refusal){421, "this is another host"};
    if (h->origin != NULL && !is_own_origin(g, h->origin))
        return (struct refusal){403, "requests of other sites are not answered"};
    if (h->site != NULL && !is(h->site, "same-origin") && !is(h->site, "none") && !is_visit(h))
        return (struct refusal){403, "requests of other sites are not answered"};
    return (struct refusal){0, NULL};
}

static struct refusal check_length(const struct guard *g, const struct headers *h)
{
    char *end;
    if (h->length == NULL || h->transfer_encoding != NULL || *h->length < '0' || *h->length > '9')
        return (struct refusal){411, "the body needs a Content-Length"};
    errno = 0;
    const unsigned long long length = strtoull(h->length, &end, 10);
    if (*end != 0)
        return (struct refusal){400, "Content-Length is not a number"};
    if (errno != 0 || length > g->body_max)
        return (struct refusal){413, "this is more than the page takes: use the commands"};
    return (struct refusal){0, NULL};
}

static struct refusal check_call(const struct guard *g, const struct headers *h)
{
    if (!is(h->method, "POST"))
        return (struct refusal){405, "a call is a POST"};
    if (h->secret == NULL || !guard_same(g->secret, h->secret))
        return (struct refusal){403, "the secret is missing or wrong: open the address that lpweb "
                                     "has printed"};
    if (!is(h->type, "application/octet-stream"))
        return (struct refusal){415, "the type of a body is application/octet-stream"};
    return check_length(g, h);
}

struct refusal guard_check(const struct guard *g, const struct headers *h, bool call)
{
    struct refusal refusal = check_site(g, h);
    if (refusal.code == 0 && call)
        return check_call(g, h);
    if (refusal.code == 0 && !is(h->method, "GET") && !is(h->method, "HEAD"))
        return (struct refusal){405, "the page is only read"};
    return refusal;
}
