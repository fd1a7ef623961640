/* attributes.h - the extended attributes of files. */
#ifndef SHARED_ATTRIBUTES_H
#define SHARED_ATTRIBUTES_H

#include <stdbool.h>

/* Gives a file the user's attributes and, if wanted, the access list of another, as far as the
 * system has them and permits it. Where it does not permit the access list, the group loses its
 * permissions: they are the most that the list gives anyone. */
void attributes_copy(int from, int to, bool access_list);

#endif
