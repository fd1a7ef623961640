/* svg.h - plots as inline SVG. Colours and fonts are the page's: the classes and
 * variables that html.c gives. Pure drawing: never knows what is plotted. */
#ifndef LPSTAT_SVG_H
#define LPSTAT_SVG_H

#include "shared/io.h"

/* Text as HTML: marks escaped, bytes that are no valid UTF-8 as U+FFFD. */
void html_text(struct output *out, const char *text);

/* A horizontal bar; colour is the number of a series, or SVG_NEUTRAL. */
enum { SVG_NEUTRAL = -1 };
struct bar {
    const char *label;
    double value;  /* nothing is drawn of what is not finite or below 0 */
    char text[32]; /* at its end */
    int colour;
    double low, high; /* a line from low to high across it, when low < high */
};

/* Bars from 0, one below the other; name says what they show. */
void svg_bars(struct output *out, const char *name, const struct bar *bars, size_t n);

/* A line through points, or dots. */
struct point {
    double x, y;
};
struct series {
    const char *name;
    int colour;
    struct point *points;
    size_t n;
    bool dashed, dots;
};

/* How an axis is scaled, and its numbers written. */
struct axis {
    const char *label;
    bool log;
    void (*format)(char *text, size_t size, double value);
};

/* Series over two axes; a linear axis begins at 0. Points that are not finite, or
 * not above 0 on a logarithmic axis, are left out. */
void svg_lines(struct output *out, const char *name, const struct series *series, size_t n,
               struct axis x, struct axis y);

/* A cell of a heat map: how good from 0 to 1, or NAN. */
struct cell {
    double good;
    char text[32];
};

/* Rows by columns of cells, row after row. */
void svg_heat(struct output *out, const char *name, const char *const *rows, size_t nrows,
              const char *const *columns, size_t ncolumns, const struct cell *cells);

#endif
