/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of protected items and policies: the newest counts, several count
 * together or not at all wherever their writer dies, and old ones go.
 */
#include "fs/policy/item_rules.h"
#include "fs/vault/hold.h"
#include "tests/lib/prunefixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct test_random r;

static struct vault *open_over(struct clockstore *c, struct fixture *f)
{
	struct slot_secret s = { .kind = SLOT_KEY_FILE, .bytes = f->key };
	struct error err = ERROR_INIT;
	struct vault *v = vault_open(clockstore_share(c), &s, &err);

	if (!v)
		fail_msg("%s", err.text);
	return v;
}

static struct item item_of(const char *vm, enum item_state state)
{
	struct item it = { .state = state, .since = WORLD_BEGIN, .created = WORLD_BEGIN, .n_disks = 1 };

	snprintf(it.vm, sizeof(it.vm), "%s", vm);
	snprintf(it.policy, sizeof(it.policy), POLICY_DEFAULT);
	it.disk = calloc(1, sizeof(*it.disk));
	snprintf(it.disk[0].name, sizeof(it.disk[0].name), "os");
	it.disk[0].source = strdup("/images/os.vhd");
	it.disk[0].encryption = strdup("LUKS 2");
	it.disk[0].encrypted = true;
	return it;
}

static void put(struct vault *v, const char *vm, enum item_state state)
{
	struct item it = item_of(vm, state), old = { .number = 0 };

	if (item_get(v, vm, &old, NULL) == 0)
		it.next = old.next;
	assert_int_equal(item_put(v, &it, 1, NULL), 0);
	item_clear(&it);
	item_clear(&old);
}

static size_t count(struct vault *v)
{
	struct item *list;
	size_t n;

	assert_int_equal(item_list(v, &list, &n, NULL), 0);
	item_list_free(list, n);
	return n;
}

static void the_newest_record_counts(void **state)
{
	struct world w;
	struct vault *v;
	struct item it;
	uint64_t dropped = 0;
	bool deleted;

	(void)state;
	world_open(&w, &r, 0);
	v = open_over(w.clock, w.f);
	assert_int_equal(item_get(v, "web1", &it, NULL), -ENOENT);
	put(v, "web1", ITEM_PROTECTED);
	put(v, "db1", ITEM_PROTECTED);
	put(v, "web1", ITEM_DELETED);
	assert_int_equal(count(v), 2);
	assert_int_equal(item_get(v, "web1", &it, NULL), 0);
	assert_int_equal(it.state, ITEM_DELETED);
	assert_string_equal(it.disk[0].source, "/images/os.vhd");
	assert_int_equal(item_is_deleted(v, it.vm_id, &deleted, NULL), 0);
	assert_true(deleted);
	it.next = 0;						/* as if it had not seen the others */
	assert_int_equal(item_put(v, &it, 1, NULL), -EAGAIN);
	clockstore_advance(w.clock, DAY - 10);
	assert_int_equal(item_drop_old(v, &dropped, NULL), 0);
	assert_int_equal(dropped, 0);				/* a lister may be at it */
	clockstore_advance(w.clock, 20);
	assert_int_equal(item_drop_old(v, &dropped, NULL), 0);
	assert_int_equal(dropped, 1);
	assert_int_equal(count(v), 2);
	assert_int_equal(item_forget(v, it.vm_id, NULL), 0);
	assert_int_equal(count(v), 1);
	item_clear(&it);
	vault_free(v);
	world_close(&w);
}

/* Records that a dead writer left and that do not count are in nobody's way. */
static void the_next_writer_goes_on(struct clockstore *as_left, struct fixture *f)
{
	static const char *const names[] = { "a", "b", "web1" };
	struct clockstore *c = clockstore_copy(as_left);
	struct vault *v;

	clockstore_stop_after(c, -1);
	v = open_over(c, f);
	for (int i = 0; i < 3; i++) {
		struct item there, it = item_of(names[i], ITEM_PROTECTED);
		int rc = item_get(v, names[i], &there, NULL);

		assert_true(rc == 0 || rc == -ENOENT);
		it.next = there.next;
		assert_int_equal(item_put(v, &it, 1, NULL), 0);
		item_clear(&there);
		item_clear(&it);
	}
	assert_int_equal(count(v), 3);
	vault_free(v);
	clockstore_free(c);
}

/* Three items, their writer dies at its n-th put, heard of or not. */
static bool put_three_and_die(struct world *w, int n, size_t *seen)
{
	struct clockstore *c = clockstore_copy(w->clock);
	struct vault *v = open_over(c, w->f);
	struct item three[3] = { item_of("a", ITEM_PROTECTED), item_of("b", ITEM_PROTECTED), item_of("web1", ITEM_STOPPED) };
	struct clockstore *after;
	struct vault *again;
	uint64_t dropped = 0;
	bool died;

	three[2].next = 1;
	clockstore_stop_after(c, n);
	died = item_put(v, three, 3, NULL) < 0;
	for (int i = 0; i < 3; i++)
		item_clear(&three[i]);
	vault_free(v);
	the_next_writer_goes_on(c, w->f);
	after = clockstore_copy(c);
	clockstore_stop_after(after, -1);
	again = open_over(after, w->f);
	*seen = count(again);
	clockstore_advance(after, 2 * DAY);
	assert_int_equal(item_drop_old(again, &dropped, NULL), 0);
	assert_int_equal(count(again), *seen);
	assert_int_equal(clockstore_objects(after, "item/", NULL), *seen);	/* nothing half done is left */
	assert_int_equal(clockstore_objects(after, "batch/", NULL), *seen == 3);
	vault_free(again);
	clockstore_free(after);
	clockstore_free(c);
	return died;
}

static void several_items_count_together_or_not_at_all(void **state)
{
	struct world w;
	struct vault *v;
	size_t none = 0, all = 0, seen;

	(void)state;
	world_open(&w, &r, 0);
	v = open_over(w.clock, w.f);
	put(v, "web1", ITEM_PROTECTED);
	vault_free(v);
	for (int n = 0; put_three_and_die(&w, n, &seen); n++) {
		assert_true(seen == 1 || seen == 3);
		none += seen == 1;
		all += seen == 3;
		assert_true(n < 20);
	}
	assert_int_equal(seen, 3);
	assert_true(none >= 3 && all >= 1);
	world_close(&w);
}

static void a_damaged_record_is_told_and_hides_no_older_state(void **state)
{
	struct world w;
	struct vault *v;
	struct item *list, it;
	char name[64];
	size_t n;

	(void)state;
	world_open(&w, &r, 0);
	v = open_over(w.clock, w.f);
	put(v, "web1", ITEM_PROTECTED);
	put(v, "web1", ITEM_STOPPED);
	assert_int_equal(item_get(v, "web1", &it, NULL), 0);
	snprintf(name, sizeof(name), "item/%s.1", it.vm_id);
	item_clear(&it);
	clockstore_damage(w.clock, name, 100);
	assert_int_equal(item_get(v, "web1", &it, NULL), -EBADMSG);
	assert_int_equal(item_list(v, &list, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_true(list[0].unreadable);
	assert_int_equal(list[0].next, 2);
	item_list_free(list, n);
	vault_free(v);
	world_close(&w);
}

static void policies_are_put_changed_and_deleted(void **state)
{
	struct world w;
	struct vault *v;
	struct policy p, *list;
	uint64_t dropped = 0;
	size_t n;

	(void)state;
	world_open(&w, &r, 0);
	v = open_over(w.clock, w.f);
	assert_int_equal(policy_get(v, "default", &p, NULL), 0);
	assert_false(p.stored);
	assert_int_equal(p.rules.daily.count, 30);
	p.rules.daily.count = 45;
	assert_int_equal(policy_put(v, &p, NULL), 0);
	policy_clear(&p);
	assert_int_equal(policy_get(v, POLICY_DEFAULT, &p, NULL), 0);
	assert_true(p.stored && p.rules.daily.count == 45);
	policy_clear(&p);
	assert_int_equal(policy_enhanced(&p, NULL), 0);
	assert_int_equal(policy_put(v, &p, NULL), 0);
	p.next = 0;
	assert_int_equal(policy_put(v, &p, NULL), -EAGAIN);	/* somebody was first */
	policy_clear(&p);
	assert_int_equal(policy_list(v, &list, &n, NULL), 0);
	assert_int_equal(n, 2);
	policy_list_free(list, n);
	assert_int_equal(policy_delete(v, "EnhancedPolicy", NULL), 0);
	assert_int_equal(policy_get(v, "EnhancedPolicy", &p, NULL), -ENOENT);
	assert_int_equal(p.next, 2);
	assert_int_equal(policy_delete(v, "default", NULL), 0);	/* what was made of it; it comes back as it was */
	assert_int_equal(policy_get(v, "default", &p, NULL), 0);
	assert_int_equal(p.rules.daily.count, 30);
	policy_clear(&p);
	clockstore_advance(w.clock, 2 * DAY);
	assert_int_equal(policy_drop_old(v, &dropped, NULL), 0);
	assert_int_equal(dropped, 2);
	vault_free(v);
	world_close(&w);
}

static int rules(void *arg, const char *vm_id, struct retention *out, struct error *err)
{
	(void)err;
	assert_true(item_rules_of(arg, vm_id, out));
	return 0;
}

/* A prune by the items, as the command makes it. */
static struct prune_result prune(struct vault *v)
{
	__attribute__((cleanup(item_rules_clear_cleanup))) struct item_rules items;
	struct prune_options o = { .rules = rules, .arg = &items };
	struct prune_result out;
	struct error err = ERROR_INIT;
	uint64_t n = 0;

	assert_int_equal(item_rules_take(v, &items, NULL), 0);
	if (prune_run(v, &o, &out, &err) < 0 || item_rules_forget(&items, out.inventory, &n, &err) < 0)
		fail_msg("%s", err.text);
	prune_result_clear(&out);
	return out;
}

static void pass_days(struct world *w, struct vault *v, int days)
{
	for (; days > 0; days--) {
		clockstore_advance(w->clock, DAY);
		put(v, "other", ITEM_PROTECTED);	/* the vault lives on */
	}
}

static void a_soft_deleted_vm_stays_14_days_and_goes_but_for_what_is_held(void **state)
{
	struct world w;
	struct vault *v;
	struct item it = item_of("vm one", ITEM_DELETED);
	char id[POINT_ID_TEXT] = "";
	bool changed;

	(void)state;
	world_open(&w, &r, 3);
	v = open_over(w.clock, w.f);
	it.since = clockstore_now(w.clock);
	it.delete_after = it.since + ITEM_SOFT_DELETE_SECONDS;
	assert_int_equal(item_put(v, &it, 1, NULL), 0);
	memcpy(id, w.f->point[0].object + 3 + 17 + 17, 16);
	assert_int_equal(hold_set(v, it.vm_id, id, true, NULL, &changed, NULL), 0);
	prune(v);
	assert_int_equal(clockstore_objects(w.clock, "exp/", NULL), 0);
	pass_days(&w, v, 13);
	prune(v);
	assert_int_equal(clockstore_objects(w.clock, "exp/", NULL), 0);
	pass_days(&w, v, 1);
	clockstore_advance(w.clock, 60);
	prune(v);
	assert_int_equal(clockstore_objects(w.clock, "exp/", NULL), 2);	/* the newest goes too, the held one not */
	pass_days(&w, v, 2);
	prune(v);
	assert_int_equal(clockstore_objects(w.clock, "pt/", NULL), 1);
	assert_int_equal(count(v), 2);				/* a point is left: the record stays */
	assert_int_equal(hold_set(v, it.vm_id, id, false, NULL, &changed, NULL), 0);
	prune(v);
	pass_days(&w, v, 2);
	prune(v);						/* deletes it */
	prune(v);						/* sees that it is gone */
	assert_int_equal(clockstore_objects(w.clock, "pt/", NULL), 0);
	assert_int_equal(count(v), 1);
	item_clear(&it);
	vault_free(v);
	world_close(&w);
}

static void a_changed_policy_counts_for_points_that_are_there(void **state)
{
	struct world w;
	struct vault *v;
	struct policy p;

	(void)state;
	world_open(&w, &r, 4);			/* within hours */
	v = open_over(w.clock, w.f);
	put(v, "vm one", ITEM_PROTECTED);
	pass_days(&w, v, 20);
	prune(v);
	assert_int_equal(clockstore_objects(w.clock, "exp/", NULL), 0);	/* 30 days */
	assert_int_equal(policy_get(v, "default", &p, NULL), 0);
	p.rules.daily.count = 10;
	assert_int_equal(policy_put(v, &p, NULL), 0);
	prune(v);
	assert_int_equal(clockstore_objects(w.clock, "exp/", NULL), 3);	/* all but the newest */
	p.rules.daily.count = 25;
	assert_int_equal(policy_put(v, &p, NULL), 0);
	prune(v);
	assert_int_equal(fixture_check(w.f), 4);		/* brought back */
	put(v, "vm one", ITEM_STOPPED);
	pass_days(&w, v, 9);
	prune(v);
	assert_int_equal(fixture_check(w.f), 4);
	policy_clear(&p);
	vault_free(v);
	world_close(&w);
}

#define AT(day, hour, minute) (civil_to_days(2026, 3, 28) * DAY + (int64_t)(day) * DAY + (hour) * 3600 + (minute) * 60)

/* Madrid's clocks go from 02:00 to 03:00 in the night to 29 March 2026. */
static void slots_follow_the_clocks_of_their_zone(void **state)
{
	struct policy p = { .name = "p", .minute = 150, .snapshot_days = 2, .time_zone = "Europe/Madrid",
			    .rules.daily.count = 7 };
	struct error err = ERROR_INIT;

	(void)state;
	if (policy_check(&p, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(policy_slot_after(&p, AT(0, 0, 0)), AT(0, 1, 30));
	assert_int_equal(policy_slot_after(&p, AT(0, 1, 30)), AT(1, 1, 30));	/* 02:30 is skipped: 03:30 */
	assert_int_equal(policy_slot_after(&p, AT(1, 1, 30)), AT(2, 0, 30));
	/* Nothing passed; one passed; five days passed and one is made up for. */
	assert_int_equal(policy_next_due(&p, AT(0, 1, 30), AT(0, 12, 0)), AT(1, 1, 30));
	assert_int_equal(policy_next_due(&p, AT(0, 1, 30), AT(1, 1, 30)), AT(1, 1, 30));
	assert_int_equal(policy_next_due(&p, AT(0, 1, 30), AT(6, 0, 0)), AT(5, 0, 30));
	assert_int_equal(policy_next_due(&p, AT(5, 0, 30), AT(6, 0, 0)), AT(6, 0, 30));
	policy_clear(&p);
}

static void hourly_windows_reach_into_the_next_day(void **state)
{
	struct policy p;

	(void)state;
	assert_int_equal(policy_enhanced(&p, NULL), 0);
	assert_int_equal(policy_slot_after(&p, AT(0, 1, 0)), AT(0, 4, 0));	/* of the window that began the day before */
	assert_int_equal(policy_slot_after(&p, AT(0, 4, 0)), AT(0, 8, 0));
	p.window_hours = 12;
	p.interval_hours = 8;
	assert_int_equal(policy_slot_after(&p, AT(0, 8, 0)), AT(0, 16, 0));
	assert_int_equal(policy_slot_after(&p, AT(0, 16, 0)), AT(1, 8, 0));
	policy_clear(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_record_counts),
		cmocka_unit_test(several_items_count_together_or_not_at_all),
		cmocka_unit_test(a_damaged_record_is_told_and_hides_no_older_state),
		cmocka_unit_test(policies_are_put_changed_and_deleted),
		cmocka_unit_test(a_soft_deleted_vm_stays_14_days_and_goes_but_for_what_is_held),
		cmocka_unit_test(a_changed_policy_counts_for_points_that_are_there),
		cmocka_unit_test(slots_follow_the_clocks_of_their_zone),
		cmocka_unit_test(hourly_windows_reach_into_the_next_day),
	};

	r = test_random_seeded("items");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
