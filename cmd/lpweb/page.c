#include "lpweb/page.h"

#include <string.h>

const struct page_file *page_find(const char *path)
{
    size_t i = 0;
    if (strcmp(path, "/") == 0)
        path = "/index.html";
    while (i < npage_files && strcmp(page_files[i].path, path) != 0)
        i++;
    return i < npage_files ? &page_files[i] : NULL;
}
