/* browser.h - opens the user's browser. */
#ifndef LPWEB_BROWSER_H
#define LPWEB_BROWSER_H

#include "shared/tool.h"

/* Opens an address. That there is no browser is no error: the address has been printed. */
void browser_open(const struct tool *tool, const char *address);

#endif
