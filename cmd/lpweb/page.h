/* page.h - the files of the page, which the Makefile compiles in from page/. */
#ifndef LPWEB_PAGE_H
#define LPWEB_PAGE_H

#include <stddef.h>

struct page_file {
    const char *path, *type;
    const unsigned char *data;
    size_t n;
};

extern const struct page_file page_files[];
extern const size_t npage_files;

/* The file of a path, "/" for the page itself; NULL for none. */
const struct page_file *page_find(const char *path);

#endif
