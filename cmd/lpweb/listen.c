#include "lpweb/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 511 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Fills in a numeric address. */
static socklen_t parse(const struct tool *tool, const char *text, union address *to)
{
    const struct addrinfo wanted = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    if (getaddrinfo(text, NULL, &wanted, &found) != 0)
        tool_usage(tool, "--bind: '%s' is not an address such as 192.168.1.2", text);
    const socklen_t size = found->ai_addrlen;
    const bool fits = size <= sizeof *to;
    if (fits)
        memcpy(to, found->ai_addr, size);
    freeaddrinfo(found);
    if (!fits)
        tool_usage(tool, "--bind: '%s' is not an address such as 192.168.1.2", text);
    return size;
}

static in_port_t *port_of(union address *address)
{
    return address->any.sa_family == AF_INET6 ? &address->v6.sin6_port : &address->v4.sin_port;
}

/* A socket that listens, or -1 and errno. */
static int listen_on(union address *address, socklen_t size, unsigned port)
{
    const int yes = 1, fd = socket(address->any.sa_family, SOCK_STREAM, 0);
    *port_of(address) = htons((in_port_t)port);
    if (fd < 0)
        return -1;
    if (address->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (fd < FD_SETSIZE && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
        fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && bind(fd, &address->any, size) == 0 &&
        listen(fd, BACKLOG) == 0)
        return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* The port that a socket has been given. */
static unsigned port_given(int fd)
{
    union address address = {.any = {0}};
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size) != 0)
        return 0;
    return ntohs(*port_of(&address));
}

static void close_all(struct listeners *l)
{
    while (l->n > 0)
        close(l->fds[--l->n]);
}

/* Whether an error means that the system has no such address at all. */
static bool is_absent(int error)
{
    return error == EADDRNOTAVAIL || error == EAFNOSUPPORT || error == EPROTONOSUPPORT;
}

/* Listens on all texts with one port. False with errno where it is taken. */
static bool listen_all(const struct tool *tool, struct listeners *l, const char *const *texts,
                       size_t n, unsigned port)
{
    *l = (struct listeners){.port = port};
    for (size_t i = 0; i < n; i++) {
        union address address = {.any = {0}};
        const socklen_t size = parse(tool, texts[i], &address);
        const int fd = listen_on(&address, size, l->port);
        if (fd < 0 && i > 0 && is_absent(errno))
            continue; /* a machine without IPv6 */
        if (fd < 0) {
            const int error = errno;
            close_all(l);
            errno = error;
            return false;
        }
        snprintf(l->hosts[l->n], sizeof l->hosts[0], i > 0 || strchr(texts[i], ':') ? "[%s]" : "%s",
                 texts[i]);
        l->fds[l->n++] = fd;
        l->port = l->port != 0 ? l->port : port_given(fd);
    }
    return true;
}

struct listeners listen_open(const struct tool *tool, const char *address, unsigned port,
                             unsigned tries)
{
    static const char *const loopback[] = {"127.0.0.1", "::1"};
    const char *const *texts = address != NULL ? &address : loopback;
    const size_t n = address != NULL ? 1 : LISTENERS;
    struct listeners l;
    for (unsigned i = 0; i < tries; i++) {
        if (listen_all(tool, &l, texts, n, port != 0 ? port + i : 0))
            return l;
        if (errno != EADDRINUSE)
            tool_die(tool, EXIT_IO, "%s: cannot listen on port %u: %s", texts[0], port + i,
                     strerror(errno));
    }
    if (tries == 1)
        tool_die(tool, EXIT_IO, "port %u is in use: give another one with --port, or 0 for any",
                 port);
    tool_die(tool, EXIT_IO, "ports %u to %u are in use: give another one with --port", port,
             port + tries - 1);
}

bool listen_is_local(const struct listeners *l)
{
    return strncmp(l->hosts[0], "127.", 4) == 0 || strcmp(l->hosts[0], "[::1]") == 0;
}
