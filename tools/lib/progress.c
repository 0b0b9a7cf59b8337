/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void progress_begin(struct progress *p, const struct options *o, const char *what)
{
	const char *how = options_get(o, OPT_PROGRESS);

	*p = (struct progress){ .what = what, .begun = now_ms() };
	if (options_has(o, OPT_QUIET) || (how && !strcmp(how, "none")))
		p->kind = PROGRESS_NONE;
	else if (how && !strcmp(how, "json"))
		p->kind = PROGRESS_JSON;
	else if (how && !strcmp(how, "plain"))
		p->kind = PROGRESS_PLAIN;
	else
		p->kind = isatty(STDERR_FILENO) ? PROGRESS_LINE : PROGRESS_NONE;
}

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static void print_words(const struct progress *p, uint64_t done, uint64_t total, uint64_t new_bytes, int64_t ms)
{
	double percent = total ? 100.0 * (double)done / (double)total : 100.0;
	double rate = ms > 0 ? mib(done) * 1000 / (double)ms : 0;

	fprintf(stderr, "%s%s: %3.0f %% of %.0f MiB, %.0f MiB/s", p->kind == PROGRESS_LINE ? "\r" : "", p->what,
		percent, mib(total), rate);
	if (new_bytes != UINT64_MAX)
		fprintf(stderr, ", %.1f MiB new", mib(new_bytes));
	if (rate > 0 && done < total)
		fprintf(stderr, ", %.0f s left", mib(total - done) / rate);
	fputs(p->kind == PROGRESS_LINE ? "\033[K" : "\n", stderr);
	fflush(stderr);
}

void progress_tell(struct progress *p, uint64_t done_bytes, uint64_t total_bytes, uint64_t new_bytes)
{
	int64_t now = now_ms(), every = p->kind == PROGRESS_LINE ? 200 : 1000;

	if (done_bytes > total_bytes)
		done_bytes = total_bytes;
	if (p->kind == PROGRESS_NONE || (p->told && now - p->told < every && done_bytes < total_bytes))
		return;
	p->told = now;
	if (p->kind != PROGRESS_JSON) {
		print_words(p, done_bytes, total_bytes, new_bytes, now - p->begun);
		p->drawn = true;
		return;
	}
	fprintf(stderr, "{\"progress\":\"%s\",\"done\":%llu,\"total\":%llu", p->what,
		(unsigned long long)done_bytes, (unsigned long long)total_bytes);
	if (new_bytes != UINT64_MAX)
		fprintf(stderr, ",\"new\":%llu", (unsigned long long)new_bytes);
	fprintf(stderr, ",\"ms\":%lld}\n", (long long)(now - p->begun));
}

void progress_end(struct progress *p)
{
	if (p->drawn && p->kind == PROGRESS_LINE)
		fputc('\n', stderr);
	p->drawn = false;
}
