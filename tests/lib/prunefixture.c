/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/prunefixture.h"
#include "fs/vault/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

void world_back_up(struct world *w, struct test_random *r)
{
	struct error err = ERROR_INIT;

	for (size_t k = 0; k < w->f->n_disks; k++)
		modeldisk_change(w->f->disk[k], r, 6);
	if (fixture_backup(w->f, &err) < 0)
		fail_msg("%s", err.text);
	clockstore_advance(w->clock, 3600);
}

void world_open(struct world *w, struct test_random *r, unsigned n)
{
	w->clock = clockstore_new(WORLD_BEGIN);
	w->f = fixture_over(*r, CHUNK_MIN, clockstore_share(w->clock));
	fixture_add_disk(w->f, 900000, false);
	fixture_add_disk(w->f, 200000, true);
	for (size_t k = 0; k < w->f->n_disks; k++)
		test_random_fill(r, w->f->disk[k]->bytes, w->f->disk[k]->size);
	for (unsigned i = 0; i < n; i++)
		world_back_up(w, r);
}

void world_close(struct world *w)
{
	fixture_free(w->f);
	clockstore_free(w->clock);
}

static int rules(void *arg, const char *vm, struct retention *out, struct error *err)
{
	(void)vm, (void)err;
	out->keep.last = *(unsigned *)arg;
	return 0;
}

struct pruned world_prune(struct clockstore *c, struct fixture *f, unsigned keep_last, bool compact, bool dry)
{
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = f->key };
	struct prune_options o = { .rules = rules, .arg = &keep_last, .compact = compact, .dry = dry };
	struct pruned p = { .rc = -1 };
	AUTO(vault_free) struct vault *v = vault_open(clockstore_share(c), &s, &p.err);
	struct prune_result r;

	if (!v)
		return p;
	p.rc = prune_run(v, &o, &r, &p.err);
	p.kept = r.kept;
	p.expired = r.expired;
	p.deleted = r.deleted;
	p.in_use = r.in_use;
	p.later = r.later;
	p.back = r.brought_back;
	p.collect = r.collect;
	p.compact = r.compact;
	memcpy(p.note, r.note, sizeof(p.note));
	prune_result_clear(&r);
	return p;
}

static void must(const struct pruned *p)
{
	if (p->rc < 0)
		fail_msg("%s: %s", p->err.object, p->err.text);
}

void world_settle(struct world *w, unsigned keep_last)
{
	for (int i = 0; i < 3; i++) {
		struct pruned p = world_prune(w->clock, w->f, keep_last, false, false);

		must(&p);
		if (p.note[0] && i == 2)
			fail_msg("%s", p.note);
		clockstore_advance(w->clock, 8 * DAY);
	}
	while (w->f->n_points > keep_last)
		fixture_forget(w->f, 0);
}

static void fault(void *arg, const struct verify_fault *f)
{
	(void)arg;
	fail_msg("verify: %s: %s (%s)", f->object, f->text, f->point);
}

void world_verify(struct clockstore *c, struct fixture *f)
{
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = f->key };
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_open(clockstore_share(c), &s, &err);
	struct verify q = { .v = v, .sample = 1, .threads = 1, .fault = fault };
	struct verify_result r;

	assert_non_null(v);
	q.st = vault_store(v);
	if (verify_run(&q, &r, &err) < 0)
		fail_msg("%s", err.text);
}
