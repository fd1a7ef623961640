/* room.h - the memory that buffers keep from use to use: for each kind of use, the most that one
 * has needed. */
#ifndef LP_BASE_ROOM_H
#define LP_BASE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

enum { LP_ROOM_KINDS = 5 };

/* Zero-initialised, nothing is kept. */
struct lp_room {
    uint64_t kept[LP_ROOM_KINDS];
    uint64_t total;
};

/* Notes a use of a kind. False, and nothing is noted, if all that is kept would then exceed the
 * limit: free the buffers, and start again with an empty room. An empty room always has room. */
static inline bool lp_room_take(struct lp_room *room, unsigned kind, uint64_t need, uint64_t limit)
{
    const uint64_t more = need > room->kept[kind] ? need - room->kept[kind] : 0;
    if (more > 0 && room->total > 0 && (room->total > limit || more > limit - room->total))
        return false;
    room->kept[kind] += more;
    room->total += more;
    return true;
}

#endif
