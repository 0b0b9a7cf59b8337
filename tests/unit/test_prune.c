/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points expire, are hidden, deleted and collected by store time; what is in
 * use, held, young or needed stays; nothing is read but manifests and refs.
 */
#include "fs/vault/expire.h"
#include "fs/vault/hold.h"
#include "fs/vault/object.h"
#include "fs/vault/vault_session.h"
#include "tests/lib/plantpoints.h"
#include "tests/lib/prunefixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct test_random r;

static struct pruned prune(struct world *w, unsigned keep)
{
	struct pruned p = world_prune(w->clock, w->f, keep, false, false);

	if (p.rc < 0)
		fail_msg("%s: %s", p.err.object, p.err.text);
	return p;
}

static void forget_to(struct world *w, size_t n)
{
	while (w->f->n_points > n)
		fixture_forget(w->f, 0);
}

static void a_point_is_hidden_then_deleted_then_collected(void **state)
{
	struct world w;
	struct pruned p;
	size_t segments;

	(void)state;
	world_open(&w, &r, 6);
	segments = clockstore_objects(w.clock, "seg/", NULL);
	p = world_prune(w.clock, w.f, 2, false, true);		/* dry */
	assert_int_equal(p.expired, 4);
	assert_int_equal(clockstore_objects(w.clock, "exp/", NULL), 0);
	assert_int_equal(fixture_check(w.f), 6);
	p = prune(&w, 2);
	assert_int_equal(p.expired, 4);
	forget_to(&w, 2);
	assert_int_equal(fixture_check(w.f), 2);
	assert_int_equal(clockstore_objects(w.clock, "pt/", NULL), 6);
	clockstore_advance(w.clock, DAY - 10);
	p = prune(&w, 2);
	assert_int_equal(p.deleted, 0);				/* in its grace */
	clockstore_advance(w.clock, 20);
	p = prune(&w, 2);
	assert_int_equal(p.deleted, 4);
	assert_int_equal(clockstore_objects(w.clock, "pt/", NULL), 2);
	assert_int_equal(clockstore_objects(w.clock, "ref/", NULL), 2);
	assert_int_equal(clockstore_objects(w.clock, "seg/", NULL), segments);
	assert_true(p.collect.young > 0 && p.collect.deleted == 0);
	clockstore_advance(w.clock, 7 * DAY);
	clockstore_reset(w.clock);
	p = prune(&w, 2);
	assert_true(p.collect.deleted > 0);
	assert_int_equal(clockstore_objects(w.clock, "seg/", NULL), segments - p.collect.deleted);
	assert_int_equal(clockstore_count(w.clock, CLOCK_GET, "seg/"), 0);	/* refs, never maps */
	assert_int_equal(clockstore_objects(w.clock, "cond/", NULL), 0);
	assert_int_equal(fixture_check(w.f), 2);
	world_verify(w.clock, w.f);
	world_back_up(&w, &r);
	assert_int_equal(fixture_check(w.f), 3);
	world_close(&w);
}

static void collection_asks_by_points_not_by_what_they_hold(void **state)
{
	struct world w;
	unsigned gets;

	(void)state;
	world_open(&w, &r, 5);
	clockstore_reset(w.clock);
	prune(&w, 5);
	/* A manifest and refs each, the slot and the vault: no map, no segment, however many there are. */
	gets = clockstore_count(w.clock, CLOCK_GET, "");
	assert_int_equal(clockstore_count(w.clock, CLOCK_GET, "pt/"), 5);
	assert_int_equal(clockstore_count(w.clock, CLOCK_GET, "ref/"), 5);
	assert_int_equal(gets - 10, clockstore_count(w.clock, CLOCK_GET, "vault") +
			 clockstore_count(w.clock, CLOCK_GET, "slot/"));
	world_close(&w);
}

static void open_planted(struct world *w, unsigned vms, unsigned points)
{
	struct error err = ERROR_INIT;
	struct vault *v;

	w->clock = clockstore_new(WORLD_BEGIN);
	w->f = fixture_over(r, CHUNK_MIN, clockstore_share(w->clock));
	v = fixture_vault(w->f);
	if (plant_points(v, vms, points, WORLD_BEGIN, &err) < 0)
		fail_msg("%s", err.text);
	vault_free(v);
	clockstore_reset(w->clock);
}

static void a_thousand_points_are_pruned_by_their_refs_alone(void **state)
{
	struct world w;
	struct pruned p;

	(void)state;
	open_planted(&w, 50, 1000);
	p = prune(&w, 5);
	assert_int_equal(p.expired, 750);
	assert_int_equal(clockstore_count(w.clock, CLOCK_GET, "pt/"), 1000);
	assert_int_equal(clockstore_count(w.clock, CLOCK_GET, "ref/"), 1000);
	assert_int_equal(clockstore_count(w.clock, CLOCK_GET, "seg/"), 0);
	assert_int_equal(clockstore_count(w.clock, CLOCK_STAT, "seg/"), 0);
	clockstore_advance(w.clock, 9 * DAY);
	clockstore_reset(w.clock);
	p = prune(&w, 5);
	assert_int_equal(p.deleted, 750);
	assert_int_equal(p.collect.deleted, 750);
	/* Each manifest once; each of the refs, and those that leave once more, to take them out of the count. */
	assert_int_equal(clockstore_count(w.clock, CLOCK_GET, "pt/"), 1000);
	assert_int_equal(clockstore_count(w.clock, CLOCK_GET, "ref/"), 1000 + 750);
	assert_int_equal(clockstore_count(w.clock, CLOCK_GET, "seg/"), 0);
	assert_int_equal(clockstore_count(w.clock, CLOCK_LIST, "seg/"), 1);
	assert_in_range(clockstore_count(w.clock, CLOCK_LIST, ""), 1, 30);
	world_close(&w);
}

static int keep_two(void *arg, const char *vm_id, struct retention *out, struct error *err)
{
	(void)arg, (void)vm_id, (void)err;
	out->keep.last = 2;
	return 0;
}

/* More points of other VMs, so that the rows of an inventory move. */
static void others_back_up(void *arg)
{
	struct world *w = arg;
	AUTO(vault_free) struct vault *v = fixture_vault(w->f);

	assert_int_equal(plant_points(v, 20, 200, clockstore_now(w->clock), NULL), 0);
}

static void what_is_told_of_points_is_theirs_after_others_came(void **state)
{
	struct prune_options o = { .rules = keep_two };
	struct error err = ERROR_INIT;
	struct prune_result out;
	struct vault *v;
	struct world w;

	(void)state;
	world_open(&w, &r, 6);
	prune(&w, 2);
	clockstore_advance(w.clock, 9 * DAY);
	forget_to(&w, 2);
	clockstore_before(w.clock, CLOCK_PUT, "cond/", others_back_up, &w);
	v = fixture_vault(w.f);
	if (prune_run(v, &o, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(out.collect.deleted > 0);
	assert_int_equal(out.inventory->n_points, 6 + 200);
	assert_int_equal(out.n_points, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_string_equal(out.point[i].manifest->vm, "vm one");
		assert_int_equal(out.point[i].fate, i < 4 ? PRUNE_DELETED : PRUNE_KEPT);
		if (i >= 4)
			assert_string_equal(out.point[i].manifest->object, w.f->point[i - 4].object);
	}
	prune_result_clear(&out);
	vault_free(v);
	world_close(&w);
}

static void what_somebody_reads_stays(void **state)
{
	struct world w;
	struct pruned p;
	struct vault_session *reader;
	struct vault *v;

	(void)state;
	world_open(&w, &r, 3);
	v = fixture_vault(w.f);
	reader = vault_reader_begin(v, w.f->point[0].object, NULL);
	p = prune(&w, 1);
	assert_int_equal(p.in_use, 1);
	assert_int_equal(p.expired, 1);
	clockstore_advance(w.clock, 2 * DAY);
	clockstore_set_time(w.clock, "rd/", clockstore_now(w.clock) - 100);	/* it gave a sign of life */
	p = prune(&w, 1);
	assert_int_equal(p.in_use, 1);
	assert_int_equal(p.deleted, 1);
	clockstore_advance(w.clock, READER_ALIVE + 1);		/* silent: it is none any more */
	p = prune(&w, 1);
	assert_int_equal(p.expired, 1);
	vault_session_end(reader);
	vault_free(v);
	world_close(&w);
}

struct late_reader { struct world *w; struct vault *v; struct vault_session *s; };

static void begin_to_read(void *arg)
{
	struct late_reader *l = arg;

	l->s = vault_reader_begin(l->v, l->w->f->point[0].object, NULL);
	assert_non_null(l->s);
}

static void a_reader_that_came_before_the_second_look_keeps_its_point(void **state)
{
	struct world w;
	struct late_reader l = { .w = &w };
	struct pruned p;

	(void)state;
	world_open(&w, &r, 2);
	prune(&w, 1);
	clockstore_advance(w.clock, 2 * DAY);
	l.v = fixture_vault(w.f);
	/* After the plan's look at rd/, before that of P2. */
	clockstore_before(w.clock, CLOCK_LIST, "rd/", begin_to_read, &l);
	p = prune(&w, 1);
	assert_int_equal(p.deleted, 0);
	assert_int_equal(clockstore_objects(w.clock, "pt/", NULL), 2);
	vault_session_end(l.s);
	vault_free(l.v);
	world_close(&w);
}

static void a_held_point_stays_until_it_is_released(void **state)
{
	struct world w;
	struct pruned p;
	struct vault *v;
	bool changed;
	char vm[VM_ID_TEXT] = "", id[POINT_ID_TEXT] = "";

	(void)state;
	world_open(&w, &r, 3);
	v = fixture_vault(w.f);
	memcpy(vm, w.f->point[0].object + 3, 16);
	memcpy(id, w.f->point[0].object + 3 + 17 + 17, 16);
	assert_int_equal(hold_set(v, vm, id, true, "a case", &changed, NULL), 0);
	assert_true(changed);
	assert_int_equal(hold_set(v, vm, id, true, NULL, &changed, NULL), 0);
	assert_false(changed);
	p = prune(&w, 1);
	assert_int_equal(p.expired, 1);
	assert_int_equal(p.kept, 2);
	assert_int_equal(hold_set(v, vm, id, false, NULL, &changed, NULL), 0);
	assert_true(changed);
	p = prune(&w, 1);
	assert_int_equal(p.expired, 1);
	assert_int_equal(clockstore_objects(w.clock, "hold/", NULL), 1);	/* the older record went */
	vault_free(v);
	world_close(&w);
}

static void rules_that_keep_it_bring_a_hidden_point_back(void **state)
{
	struct world w;
	struct pruned p;

	(void)state;
	world_open(&w, &r, 4);
	p = prune(&w, 1);
	assert_int_equal(p.expired, 3);
	p = prune(&w, 3);
	assert_int_equal(p.back, 2);
	fixture_forget(w.f, 0);
	assert_int_equal(fixture_check(w.f), 3);
	world_settle(&w, 3);
	assert_int_equal(fixture_check(w.f), 3);
	assert_int_equal(clockstore_objects(w.clock, "pt/", NULL), 3);
	world_verify(w.clock, w.f);
	world_close(&w);
}

static void a_damaged_newest_point_does_not_let_the_good_one_go(void **state)
{
	struct world w;
	struct pruned p;
	char (*seg)[256];
	struct store *st;
	size_t n, keep = 0;

	(void)state;
	world_open(&w, &r, 1);
	seg = fixture_list(w.f, "seg/", &keep);
	free(seg);
	world_back_up(&w, &r);
	/* A segment of the second point is lost. */
	seg = fixture_list(w.f, "seg/", &n);
	st = clockstore_share(w.clock);
	for (size_t i = 0; i < n; i++)
		if (!strncmp(seg[i] + 4, strrchr(w.f->point[1].object, '/') + 1, 24))
			store_remove(st, seg[i], NULL);
	p = prune(&w, 1);
	assert_int_equal(p.expired, 0);		/* the count keeps the damaged one, the other is the newest good one */
	assert_int_equal(p.kept, 2);
	store_free(st);
	free(seg);
	world_close(&w);
}

static void what_cannot_be_read_stops_collection(void **state)
{
	struct world w;
	struct pruned p;
	char refs[64];

	(void)state;
	world_open(&w, &r, 3);
	prune(&w, 1);
	clockstore_advance(w.clock, 9 * DAY);
	snprintf(refs, sizeof(refs), "ref/%s", strrchr(w.f->point[2].object, '/') + 1);
	clockstore_damage(w.clock, refs, 70);
	p = prune(&w, 1);
	assert_int_equal(p.collect.deleted, 0);
	assert_non_null(strstr(p.note, "cannot be read"));
	assert_int_equal(clockstore_objects(w.clock, "cond/", NULL), 0);
	world_close(&w);
}

static void a_store_that_does_not_let_go_is_asked_again_later(void **state)
{
	struct world w;
	struct pruned p;

	(void)state;
	world_open(&w, &r, 3);
	prune(&w, 1);
	clockstore_advance(w.clock, 9 * DAY);
	clockstore_deny(w.clock, "pt/", EPERM);
	p = prune(&w, 1);
	assert_int_equal(p.later, 2);
	clockstore_deny(w.clock, "", EACCES);
	p = prune(&w, 1);
	assert_int_equal(p.later, 2);
	clockstore_deny(w.clock, "seg/", EACCES);
	p = prune(&w, 1);
	assert_int_equal(p.deleted, 2);
	assert_true(p.collect.denied > 0 && p.collect.deleted == 0);
	forget_to(&w, 1);
	assert_int_equal(fixture_check(w.f), 1);
	world_verify(w.clock, w.f);
	clockstore_deny(w.clock, NULL, 0);
	p = prune(&w, 1);
	assert_true(p.collect.deleted > 0);
	assert_int_equal(fixture_check(w.f), 1);
	world_close(&w);
}

static void a_clock_that_jumped_expires_nothing(void **state)
{
	struct world w;
	struct pruned p;

	(void)state;
	world_open(&w, &r, 3);
	clockstore_advance(w.clock, -50 * 365 * (int64_t)DAY);		/* 1980 */
	p = world_prune(w.clock, w.f, 1, false, false);
	assert_int_equal(p.rc, -EIO);
	clockstore_advance(w.clock, 100 * 365 * (int64_t)DAY);
	p = world_prune(w.clock, w.f, 1, false, false);
	assert_int_equal(p.rc, -EIO);
	assert_int_equal(clockstore_objects(w.clock, "exp/", NULL), 0);
	assert_int_equal(fixture_check(w.f), 3);
	world_close(&w);
}

static void compact_frees_what_is_mostly_dead(void **state)
{
	struct world w;
	struct pruned p;
	uint64_t before, after;

	(void)state;
	world_open(&w, &r, 1);
	/* All is written anew, but a tenth: the first point's segments live on for that tenth alone. */
	for (int i = 0; i < 2; i++) {
		test_random_fill(&r, w.f->disk[0]->bytes + 90000, w.f->disk[0]->size - 90000);
		test_random_fill(&r, w.f->disk[1]->bytes, w.f->disk[1]->size);
		assert_int_equal(fixture_backup(w.f, NULL), 0);
		clockstore_advance(w.clock, 3600);
	}
	world_settle(&w, 2);
	clockstore_objects(w.clock, "seg/", &before);
	p = world_prune(w.clock, w.f, 2, true, true);
	assert_int_equal(p.rc, 0);
	assert_true(p.compact.segments > 0 && p.compact.points == 0);
	p = world_prune(w.clock, w.f, 2, true, false);
	assert_int_equal(p.rc, 0);
	assert_true(p.compact.points > 0);
	assert_int_equal(fixture_check(w.f), 2);
	world_verify(w.clock, w.f);
	world_settle(&w, 2);
	clockstore_objects(w.clock, "seg/", &after);
	assert_true(after < before);
	assert_int_equal(clockstore_objects(w.clock, "pt/", NULL), 2);
	assert_int_equal(fixture_check(w.f), 2);
	world_verify(w.clock, w.f);
	/* Half a map that was taken over may be the next; it comes to an end. */
	for (int i = 0; i < 4 && p.compact.segments; i++) {
		p = world_prune(w.clock, w.f, 2, true, false);
		assert_int_equal(p.rc, 0);
		clockstore_advance(w.clock, 2 * DAY);
	}
	assert_int_equal(p.compact.segments, 0);
	world_back_up(&w, &r);
	assert_int_equal(fixture_check(w.f), 3);
	world_close(&w);
}

static void traces_go_with_their_vms_last_point(void **state)
{
	struct world w;
	struct store *st;
	char vm_id[VM_ID_TEXT], name[64];
	struct vault *v;

	(void)state;
	world_open(&w, &r, 2);
	v = fixture_vault(w.f);
	assert_int_equal(vault_vm_id(v, "vm one", vm_id), 0);
	vault_free(v);
	st = clockstore_share(w.clock);
	snprintf(name, sizeof(name), "trace/%s.1", vm_id);
	assert_int_equal(store_put(st, name, "sealed", 6, PUT_NEW, NULL), 0);
	assert_int_equal(store_put(st, "trace/ffffffffffffffff.1", "sealed", 6, PUT_NEW, NULL), 0);
	prune(&w, 1);
	assert_int_equal(clockstore_objects(w.clock, "trace/ffffffffffffffff", NULL), 0);
	assert_int_equal(clockstore_objects(w.clock, name, NULL), 1);
	store_free(st);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_point_is_hidden_then_deleted_then_collected),
		cmocka_unit_test(collection_asks_by_points_not_by_what_they_hold),
		cmocka_unit_test(a_thousand_points_are_pruned_by_their_refs_alone),
		cmocka_unit_test(what_is_told_of_points_is_theirs_after_others_came),
		cmocka_unit_test(what_somebody_reads_stays),
		cmocka_unit_test(a_reader_that_came_before_the_second_look_keeps_its_point),
		cmocka_unit_test(a_held_point_stays_until_it_is_released),
		cmocka_unit_test(rules_that_keep_it_bring_a_hidden_point_back),
		cmocka_unit_test(a_damaged_newest_point_does_not_let_the_good_one_go),
		cmocka_unit_test(what_cannot_be_read_stops_collection),
		cmocka_unit_test(a_store_that_does_not_let_go_is_asked_again_later),
		cmocka_unit_test(a_clock_that_jumped_expires_nothing),
		cmocka_unit_test(compact_frees_what_is_mostly_dead),
		cmocka_unit_test(traces_go_with_their_vms_last_point),
	};

	r = test_random_seeded("prune");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
