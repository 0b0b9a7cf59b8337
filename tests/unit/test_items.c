/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of protected items and policies: the newest counts, several count
 * together or not at all wherever their writer dies, and old ones go.
 */
#include "fs/policy/policy.h"
#include "fs/vault/item.h"
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
		cmocka_unit_test(slots_follow_the_clocks_of_their_zone),
		cmocka_unit_test(hourly_windows_reach_into_the_next_day),
	};

	r = test_random_seeded("items");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
