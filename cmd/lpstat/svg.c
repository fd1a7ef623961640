#include "lpstat/svg.h"

#include "shared/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 480 }; /* of every plot, in SVG units: the page scales it */

void html_text(struct output *out, const char *text)
{
    struct lp_ids chars = {0};
    size_t used;
    if (characters(text, strlen(text), true, &chars, &used) != LP_OK)
        tool_die(out->tool, EXIT_IO, "out of memory");
    for (size_t i = 0; i < chars.n; i++) {
        uint32_t c = chars.v[i] >= INVALID_BYTE || (chars.v[i] < 0x20 && chars.v[i] != '\n')
                         ? 0xFFFD
                         : chars.v[i];
        if (c < 0x7F && strchr("&<>\"'", (int)c) == NULL)
            output_print(out, "%c", (char)c);
        else
            output_print(out, "&#%u;", (unsigned)c);
    }
    free(chars.v);
}

static void begin(struct output *out, const char *name, double height)
{
    output_print(out, "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"", WIDTH, height);
    html_text(out, name);
    output_print(out, "\">\n");
}

static void end(struct output *out)
{
    output_print(out, "</svg>\n");
}

/* The class of a series' colour, such as "s3". */
static const char *colour_class(int colour)
{
    static const char *const names[] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"};
    return colour == SVG_NEUTRAL ? "neutral" : names[colour % 8];
}

static void text_at(struct output *out, double x, double y, const char *class, const char *text)
{
    output_print(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
    html_text(out, text);
    output_print(out, "</text>\n");
}

/* --- Bars -------------------------------------------------------------------- */

/* A bar whose right end is rounded; the radius is at most its length. */
static void draw_bar(struct output *out, double x, double y, double length, double height,
                     const char *class)
{
    double r = length < 4 ? length : 4;
    output_print(out,
                 "<path class=\"fill %s\" d=\"M%.1f %.1fh%.1fa%.1f %.1f 0 0 1 %.1f %.1fv%.1f"
                 "a%.1f %.1f 0 0 1 -%.1f %.1fh-%.1fz\"/>\n",
                 class, x, y, length - r, r, r, r, r, height - 2 * r, r, r, r, r, length - r);
}

void svg_bars(struct output *out, const char *name, const struct bar *bars, size_t n)
{
    enum { LEFT = 92, RIGHT = 84, ROW = 28, BAR = 18 };
    double max = 0;
    for (size_t i = 0; i < n; i++) {
        max = bars[i].value > max ? bars[i].value : max;
        max = bars[i].low < bars[i].high && bars[i].high > max ? bars[i].high : max;
    }
    begin(out, name, (double)n * ROW + 4);
    for (size_t i = 0; i < n; i++) {
        const struct bar *b = &bars[i];
        double y = 2 + (double)i * ROW, scale = max > 0 ? (WIDTH - LEFT - RIGHT) / max : 0;
        double length = b->value > 0 ? b->value * scale : 0, text = length;
        output_print(out, "<g><title>%s: %s</title>\n", b->label, b->text);
        text_at(out, LEFT - 10, y + BAR / 2.0 + 4.5, "label end", b->label);
        if (length > 0)
            draw_bar(out, LEFT, y, length, BAR, colour_class(b->colour));
        if (b->low < b->high) {
            double low = b->low > 0 ? b->low : 0, middle = y + BAR / 2.0;
            output_print(
                out, "<path class=\"whisker\" d=\"M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8\"/>\n",
                LEFT + low * scale, middle, LEFT + b->high * scale, LEFT + low * scale, middle - 4,
                LEFT + b->high * scale, middle - 4);
            text = b->high * scale > length ? b->high * scale : length;
        }
        text_at(out, LEFT + text + 8, y + BAR / 2.0 + 4.5, "value", b->text);
        output_print(out, "</g>\n");
    }
    output_print(out, "<path class=\"axis\" d=\"M%d 0V%.0f\"/>\n", LEFT, (double)n * ROW);
    end(out);
}

/* --- Lines ------------------------------------------------------------------- */

enum { PLOT_LEFT = 52, PLOT_RIGHT = 14, PLOT_TOP = 26, PLOT_BOTTOM = 44, PLOT_HEIGHT = 300 };

struct scale {
    double low, high; /* range of values; of their log10 on a logarithmic axis */
    double from, to;  /* where low and high are drawn */
    bool log;
};

static bool drawable(struct point p, struct axis x, struct axis y)
{
    return isfinite(p.x) && isfinite(p.y) && (!x.log || p.x > 0) && (!y.log || p.y > 0);
}

static double place(const struct scale *s, double value)
{
    double v = s->log ? log10(value) : value;
    return s->from + (v - s->low) / (s->high - s->low) * (s->to - s->from);
}

/* A step between ticks that gives about five from 0 to max: 1, 2 or 5 times a power of 10. */
static double round_step(double max)
{
    double power = pow(10, floor(log10(max / 5))), rest = max / 5 / power;
    return power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10);
}

static struct scale scale_of(struct axis axis, double min, double max, double from, double to)
{
    struct scale s = {.from = from, .to = to, .log = axis.log};
    if (axis.log) {
        s.low = log10(min);
        s.high = log10(max);
        double pad = (s.high - s.low) * 0.04;
        s.low -= pad > 0 ? pad : 0.5;
        s.high += pad > 0 ? pad : 0.5;
    } else {
        double step = round_step(max > 0 ? max : 1);
        s.high = ceil(max / step) * step;
        s.high = s.high > 0 ? s.high : 1;
    }
    return s;
}

static void tick(struct output *out, const struct scale *x, const struct scale *y, bool on_x,
                 double value, struct axis axis)
{
    char text[32];
    axis.format(text, sizeof text, value);
    if (on_x) {
        double at = place(x, value);
        output_print(out, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>\n", at, y->from, y->to);
        text_at(out, at, y->from + 16, "tick middle", text);
    } else {
        double at = place(y, value);
        output_print(out, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>\n", x->from, at, x->to);
        text_at(out, x->from - 7, at + 4, "tick end", text);
    }
}

static void ticks(struct output *out, const struct scale *x, const struct scale *y, bool on_x,
                  struct axis axis)
{
    const struct scale *s = on_x ? x : y;
    if (!axis.log) {
        double step = round_step(s->high);
        for (int i = 0; i * step <= s->high * 1.0001; i++)
            tick(out, x, y, on_x, i * step, axis);
        return;
    }
    bool few = s->high - s->low < 1.7; /* few decades: ticks at 2 and 5 too */
    for (double power = floor(s->low); power <= s->high; power++) {
        static const double steps[] = {1, 2, 5};
        for (size_t i = 0; i < (few ? 3 : 1); i++) {
            double value = pow(10, power) * steps[i];
            if (log10(value) >= s->low && log10(value) <= s->high)
                tick(out, x, y, on_x, value, axis);
        }
    }
}

static void draw_series(struct output *out, const struct series *s, const struct scale *x,
                        const struct scale *y, struct axis x_axis, struct axis y_axis)
{
    const char *class = colour_class(s->colour);
    if (s->dots) {
        for (size_t i = 0; i < s->n; i++) {
            if (drawable(s->points[i], x_axis, y_axis))
                output_print(out,
                             "<circle class=\"dot fill %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"2\"/>\n",
                             class, place(x, s->points[i].x), place(y, s->points[i].y));
        }
        return;
    }
    output_print(out, "<path class=\"line %s%s\" d=\"", class, s->dashed ? " dashed" : "");
    bool first = true;
    for (size_t i = 0; i < s->n; i++) {
        if (!drawable(s->points[i], x_axis, y_axis))
            continue;
        output_print(out, "%c%.1f %.1f", first ? 'M' : 'L', place(x, s->points[i].x),
                     place(y, s->points[i].y));
        first = false;
    }
    output_print(out, "\"/>\n");
    for (size_t i = 0; i < s->n; i++) {
        char a[32], b[32];
        if (!drawable(s->points[i], x_axis, y_axis))
            continue;
        x_axis.format(a, sizeof a, s->points[i].x);
        y_axis.format(b, sizeof b, s->points[i].y);
        output_print(out,
                     "<circle class=\"mark fill %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\">"
                     "<title>%s: %s at %s</title></circle>\n",
                     class, place(x, s->points[i].x), place(y, s->points[i].y), s->name, b, a);
    }
}

void svg_lines(struct output *out, const char *name, const struct series *series, size_t n,
               struct axis x_axis, struct axis y_axis)
{
    double min_x = INFINITY, max_x = -INFINITY, min_y = INFINITY, max_y = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < series[i].n; j++) {
            struct point p = series[i].points[j];
            if (!drawable(p, x_axis, y_axis))
                continue;
            min_x = p.x < min_x ? p.x : min_x;
            max_x = p.x > max_x ? p.x : max_x;
            min_y = p.y < min_y ? p.y : min_y;
            max_y = p.y > max_y ? p.y : max_y;
        }
    }
    begin(out, name, PLOT_HEIGHT);
    if (min_x <= max_x) {
        struct scale x = scale_of(x_axis, min_x, max_x, PLOT_LEFT, WIDTH - PLOT_RIGHT);
        struct scale y = scale_of(y_axis, min_y, max_y, PLOT_HEIGHT - PLOT_BOTTOM, PLOT_TOP);
        ticks(out, &x, &y, true, x_axis);
        ticks(out, &x, &y, false, y_axis);
        output_print(out, "<path class=\"axis\" d=\"M%.1f %.1fH%.1f\"/>\n", x.from, y.from, x.to);
        for (size_t i = 0; i < n; i++)
            draw_series(out, &series[i], &x, &y, x_axis, y_axis);
    }
    text_at(out, PLOT_LEFT - 7, 14, "tick end", "");
    text_at(out, 2, 13, "tick", y_axis.label);
    text_at(out, WIDTH - PLOT_RIGHT, PLOT_HEIGHT - 8, "tick end", x_axis.label);
    end(out);
}

/* --- Heat map ---------------------------------------------------------------- */

void svg_heat(struct output *out, const char *name, const char *const *rows, size_t nrows,
              const char *const *columns, size_t ncolumns, const struct cell *cells)
{
    enum { LEFT = 92, TOP = 26, ROW = 34, GAP = 2 };
    double width = (double)(WIDTH - LEFT) / (double)ncolumns;
    begin(out, name, (double)(TOP + nrows * ROW));
    for (size_t c = 0; c < ncolumns; c++)
        text_at(out, LEFT + ((double)c + 0.5) * width, 16, "tick middle", columns[c]);
    for (size_t r = 0; r < nrows; r++) {
        double y = TOP + (double)r * ROW;
        text_at(out, LEFT - 10, y + ROW / 2.0 + 4, "label end", rows[r]);
        for (size_t c = 0; c < ncolumns; c++) {
            const struct cell *cell = &cells[r * ncolumns + c];
            double x = LEFT + (double)c * width;
            double good = isfinite(cell->good) ? cell->good : 0;
            output_print(out,
                         "<g><title>%s, %s: %s</title><rect class=\"heat\" x=\"%.1f\" y=\"%.1f\" "
                         "width=\"%.1f\" height=\"%d\" rx=\"4\" fill-opacity=\"%.2f\"/>\n",
                         rows[r], columns[c], cell->text, x + GAP / 2.0, y, width - GAP, ROW - GAP,
                         0.06 + 0.94 * good);
            text_at(out, x + width / 2, y + ROW / 2.0 + 3.5,
                    good > 0.55 ? "cell on middle" : "cell middle", cell->text);
            output_print(out, "</g>\n");
        }
    }
    end(out);
}
