#include "lopace/made.h"

#include <search.h>
#include <stdlib.h>

struct file {
    dev_t dev;
    ino_t ino;
};

static int by_file(const void *a, const void *b)
{
    const struct file *x = a, *y = b;
    const int devices = (x->dev > y->dev) - (x->dev < y->dev);
    return devices != 0 ? devices : (x->ino > y->ino) - (x->ino < y->ino);
}

bool made_add(struct made *made, const struct stat *st)
{
    struct file *file = malloc(sizeof *file);
    if (file == NULL)
        return false;
    *file = (struct file){st->st_dev, st->st_ino};
    struct file **node = tsearch(file, &made->tree, by_file);
    if (node == NULL || *node != file) /* it has one of this number, which was abandoned */
        free(file);
    return node != NULL;
}

bool made_has(const struct made *made, const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 &&
           tfind(&(struct file){st.st_dev, st.st_ino}, &made->tree, by_file) != NULL;
}

void made_free(struct made *made)
{
    while (made->tree != NULL) {
        struct file *file = *(struct file **)made->tree; /* a node begins with its key */
        tdelete(file, &made->tree, by_file);
        free(file);
    }
}
