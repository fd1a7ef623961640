/* attributes.h - the extended attributes of files. */
#ifndef LOPACE_ATTRIBUTES_H
#define LOPACE_ATTRIBUTES_H

/* Gives a file the user's attributes and the access list of another, as far as the system has them
 * and permits it. Where it does not permit the access list, the group loses its permissions: they
 * are the most that the list gives anyone. */
void attributes_copy(int from, int to);

#endif
