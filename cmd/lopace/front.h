/* front.h - lopace NAME runs the command lpNAME. */
#ifndef LOPACE_FRONT_H
#define LOPACE_FRONT_H

#include "shared/tool.h"

/* Runs the command that the first argument names, and does not return then. "help" lists them all,
 * "help NAME" shows the help of one. */
void front_run(struct tool *tool, int argc, char **argv);

#endif
