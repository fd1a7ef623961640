/* svg.h - draws plots as inline SVG. Colours and fonts come from the classes in html.c's style
 * sheet. It does not know what is plotted. */
#ifndef LPSTAT_SVG_H
#define LPSTAT_SVG_H

#include "shared/io.h"

/* Writes text as HTML: markup is escaped, bytes that are not valid UTF-8 become U+FFFD. */
void html_text(struct output *out, const char *text);

/* A horizontal bar. colour is a series number, or SVG_NEUTRAL. */
enum { SVG_NEUTRAL = -1 };
struct bar {
    const char *label;
    double value;  /* not drawn unless finite and above 0 */
    char text[32]; /* at its end */
    int colour;
    double low, high; /* a whisker from low to high, where low < high */
};

/* Draws bars from 0, one below the other. name is the plot's label for screen readers. */
void svg_bars(struct output *out, const char *name, const struct bar *bars, size_t n);

/* A line through points, or just dots. */
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

/* The scale of an axis, and the format of its numbers. */
struct axis {
    const char *label;
    bool log;
    void (*format)(char *text, size_t size, double value);
};

/* Draws series over two axes; a linear axis begins at 0. Points that are not finite, or not above
 * 0 on a logarithmic axis, are omitted. */
void svg_lines(struct output *out, const char *name, const struct series *series, size_t n,
               struct axis x, struct axis y);

/* A cell of a heat map: good is from 0 to 1, or NAN. */
struct cell {
    double good;
    char text[32];
};

/* Draws a heat map of nrows * ncolumns cells, in row-major order. */
void svg_heat(struct output *out, const char *name, const char *const *rows, size_t nrows,
              const char *const *columns, size_t ncolumns, const struct cell *cells);

#endif
