/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/fetch_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GAP_MAX (16u << 10)		/* fetched and dropped rather than asked around */

void fetch_plan_release(struct fetch_plan *p)
{
	free(p->want);
	free(p->run);
}

static int by_place(const void *a, const void *b)
{
	const struct chunk_ref *x = ((const struct want *)a)->ref, *y = ((const struct want *)b)->ref;
	int c = memcmp(x->segment, y->segment, SEGMENT_ID_BYTES);

	return c ? c : x->off < y->off ? -1 : x->off > y->off;
}

static bool joins(const struct run *r, const struct want *w)
{
	const struct chunk_ref *first = r->want[0].ref, *last = r->want[r->n - 1].ref, *ref = w->ref;

	return r->n < RUN_CHUNKS_MAX && !memcmp(first->segment, ref->segment, SEGMENT_ID_BYTES) &&
	       ref->off >= last->off + last->len && ref->off - (last->off + last->len) <= GAP_MAX &&
	       ref->off + ref->len - first->off <= FETCH_RUN_MAX;
}

static bool has_patch(const struct run *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->want[i].base)
			return true;
	return false;
}

static size_t first_entry(const struct run *r)
{
	size_t at = SIZE_MAX;

	for (size_t i = 0; i < r->n; i++)
		at = r->want[i].at < at ? r->want[i].at : at;
	return at;
}

/* Runs with patches last, so that their bases are on the way by then; else in
 * the order in which they are wanted. */
static int by_need(const void *a, const void *b)
{
	const struct run *x = a, *y = b;
	size_t at = first_entry(x), other = first_entry(y);

	if (has_patch(x) != has_patch(y))
		return has_patch(x) ? 1 : -1;
	return at < other ? -1 : at > other;
}

static void cut_into_runs(struct fetch_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct run *r = p->n_runs ? &p->run[p->n_runs - 1] : NULL;

		if (i && !by_place(&p->want[i - 1], &p->want[i]))
			continue;	/* the same chunk once more */
		if (r && r->want + r->n == &p->want[i] && joins(r, &p->want[i]))
			r->n++;
		else
			p->run[p->n_runs++] = (struct run){ &p->want[i], 1 };
	}
}

int fetch_plan_make(struct fetch_plan *p, const struct map_entry *e, size_t n, fetch_skip_fn *skip, void *arg)
{
	p->want = malloc(2 * n * sizeof(*p->want));
	p->run = malloc(2 * n * sizeof(*p->run));
	if (!p->want || !p->run)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		bool patch = e[i].ref.kind == CHUNK_PATCH;

		if (e[i].ref.kind == CHUNK_ZERO || skip(arg, &e[i].ref))
			continue;
		p->want[p->n++] = (struct want){ &e[i].ref, patch ? &e[i].base : NULL, i };
		if (patch && !skip(arg, &e[i].base))
			p->want[p->n++] = (struct want){ &e[i].base, NULL, i };
	}
	qsort(p->want, p->n, sizeof(*p->want), by_place);
	cut_into_runs(p);
	qsort(p->run, p->n_runs, sizeof(*p->run), by_need);
	return 0;
}
