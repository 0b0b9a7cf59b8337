/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/size_text.h"
#include "tools/lib/vault_report_private.h"

#include <string.h>

#define WIDTH 920.0
#define HEIGHT 280.0
#define LEFT 120.0		/* room for "512 GiB" in the narrow form's letters */
#define RIGHT 30.0
#define TOP 26.0
#define BOTTOM 34.0
#define X_TICKS 4
#define Y_TICKS 4

struct plot {
	FILE *f;
	int64_t first, last;	/* days */
	double most;		/* bytes at the top */
};

static double x_of(const struct plot *p, int64_t day)
{
	return LEFT + (WIDTH - LEFT - RIGHT) * (double)(day - p->first) / (double)(p->last - p->first);
}

static double y_of(const struct plot *p, double bytes)
{
	return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * bytes / p->most;
}

/* 1, 2 or 5 times a power of two's thousands, so that the ticks are round. */
static double round_up(double bytes)
{
	double unit = 1024, step[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512 };

	for (;; unit *= 1024)
		for (size_t i = 0; i < sizeof(step) / sizeof(step[0]); i++)
			if (step[i] * unit >= bytes)
				return step[i] * unit;
}

/* Round as it is: "8 MiB", not "8.0 MiB". */
static void put_size(FILE *f, double bytes)
{
	struct size_text t = size_text((uint64_t)bytes);
	char *zero = strstr(t.text, ".0 ");

	if (zero)
		memmove(zero, zero + 2, strlen(zero + 2) + 1);
	fputs(t.text, f);
}

static void put_axes(const struct plot *p)
{
	for (int i = 0; i <= Y_TICKS; i++) {
		double bytes = p->most * i / Y_TICKS, y = y_of(p, bytes);

		fprintf(p->f, "<line class=\"grid\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%.0f\" y=\"%.1f\" "
			"text-anchor=\"end\">", LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4);
		if (i)
			put_size(p->f, bytes);
		fputs(i ? "</text>\n" : "0</text>\n", p->f);
	}
	for (int i = 0; i <= X_TICKS; i++) {
		int64_t day = p->first + (p->last - p->first) * i / X_TICKS;
		char date[16];

		if (i && day == p->first + (p->last - p->first) * (i - 1) / X_TICKS)
			continue;
		report_date(day, date);
		/* the narrow form has larger letters: it shows the ends and the middle */
		fprintf(p->f, "<text%s x=\"%.1f\" y=\"%.0f\" text-anchor=\"%s\">%s</text>\n", i % 2 ? " class=\"wide\"" : "",
			x_of(p, day), HEIGHT - 8, i == 0 ? "start" : i == X_TICKS ? "end" : "middle", date);
	}
}

/* Steps: what came on a day is there from then on. */
static void put_steps(const struct plot *p, const struct vault_report *r)
{
	double sum = 0;

	for (size_t i = 0; i < r->n_days; i++) {
		fprintf(p->f, "L%.1f %.1f ", x_of(p, r->day[i].day), y_of(p, sum));
		sum += (double)r->day[i].bytes;
		fprintf(p->f, "L%.1f %.1f ", x_of(p, r->day[i].day), y_of(p, sum));
	}
	fprintf(p->f, "L%.1f %.1f", x_of(p, p->last), y_of(p, sum));
}

void report_plot(FILE *f, const struct vault_report *r)
{
	struct plot p = { .f = f };

	fputs("<h2>Growth</h2>\n<p class=\"soft\">What is stored now, by the day on which it came</p>\n", f);
	if (!r->n_days) {
		fputs("<p>Nothing is stored yet.</p>\n", f);
		return;
	}
	p.first = r->day[0].day;
	p.last = r->due.now / 86400;
	if (p.last <= p.first)
		p.last = p.first + 1;
	p.most = round_up((double)r->bytes);
	fprintf(f, "<div class=\"box\"><svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"%s stored in %zu segments\">\n",
		WIDTH, HEIGHT, size_text(r->bytes).text, r->segments);
	put_axes(&p);
	fprintf(f, "<path class=\"area\" d=\"M%.1f %.1f ", x_of(&p, p.first), y_of(&p, 0));
	put_steps(&p, r);
	fprintf(f, " L%.1f %.1f Z\"/>\n<path class=\"curve\" d=\"M%.1f %.1f ", x_of(&p, p.last), y_of(&p, 0),
		x_of(&p, p.first), y_of(&p, 0));
	put_steps(&p, r);
	fputs("\"/>\n</svg></div>\n", f);
}
