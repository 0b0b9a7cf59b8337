/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's crypttab tells under which names its decrypted data disks are waited for. */
#include "crypto/cleanup.h"
#include "fs/azure/crypttab.h"
#include "tools/lib/boot_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static bool first(const char *text, struct crypttab_line *l)
{
	return crypttab_next(&text, text + strlen(text), l);
}

static void lines_name_luns_and_uuids(void **state)
{
	struct crypttab_line l;

	(void)state;
	assert_true(first("# a comment\n\n  d-1\t/dev/disk/azure/scsi1/lun12 /key luks,nofail\n", &l));
	assert_string_equal(l.name, "d-1");
	assert_int_equal(l.by, CRYPTTAB_BY_LUN);
	assert_int_equal(l.lun, 12);
	assert_int_equal(l.partition, 0);
	assert_true(first("d /dev/disk/azure/data/by-lun/3-part2", &l));
	assert_int_equal(l.lun, 3);
	assert_int_equal(l.partition, 2);
	assert_true(first("d UUID=\"0A-b1\" none", &l));
	assert_int_equal(l.by, CRYPTTAB_BY_UUID);
	assert_string_equal(l.uuid, "0A-b1");
	assert_true(first("d /dev/disk/by-uuid/0a-b1\r\n", &l));
	assert_string_equal(l.uuid, "0a-b1");
}

static void other_lines_are_of_no_disk_of_ours(void **state)
{
	static const char *const other[] = {
		"d /dev/sdc", "d /dev/disk/azure/scsi1/lun", "d /dev/disk/azure/scsi1/lun1x", "d /dev/disk/azure/scsi1/lun12345",
		"d /dev/disk/azure/scsi1/lun1-part0", "d /dev/disk/azure/scsi1/lun1-part1-part1", "d UUID=", "d UUID=x",
	};
	static const char *const none[] = { "", "d", "d ", "../d /dev/sdc", "$d /dev/sdc", "-d /dev/sdc", "d\n/dev/sdc\n" };
	struct crypttab_line l;

	(void)state;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		assert_true(first(other[i], &l));
		assert_int_equal(l.by, CRYPTTAB_BY_OTHER);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(first(none[i], &l));
}

static void a_plan(struct boot_plan *p)
{
	*p = (struct boot_plan){ .n_data = 3, .data = {
		{ .lun = 0, .partition = 0, .uuid = "6d1f0a52-0001" },
		{ .lun = 7, .partition = 1, .uuid = "6d1f0a52-0002", .is_lvm = true },
		{ .lun = 63, .partition = 2, .uuid = "" } } };
}

static const struct boot_volume root = { .lun = -1, .partition = 4 };

static void add(struct boot_plan *p, const char *text)
{
	boot_names_from(p, &root, text, strlen(text));
}

static void decrypted_volumes_get_their_names(void **state)
{
	AUTO(free) struct boot_plan *p = malloc(sizeof(*p));

	(void)state;
	a_plan(p);
	p->os_encrypted = true;
	add(p, "osencrypt /dev/disk/azure/root-part1 none luks\n"
	       "one /dev/disk/azure/scsi1/lun0 /k luks,nofail\n"
	       "two UUID=6D1F0A52-0002 /k luks\n"
	       "three /dev/disk/azure/scsi1/lun63-part2 /k\n"
	       "locked /dev/disk/azure/scsi1/lun5 /k\n"
	       "empty UUID=\"\" /k\n"
	       "one /dev/disk/azure/scsi1/lun63-part2 /k\n");
	assert_int_equal(p->adapt.n_volumes, 3);
	assert_string_equal(p->adapt.volume[0].serial, "ade-lun0");
	assert_string_equal(p->adapt.volume[0].mapper, "one");
	assert_true(p->adapt.volume[0].is_data);
	assert_true(p->adapt.volume[1].is_lvm);
	assert_int_equal(p->adapt.volume[1].partition, 1);
	assert_string_equal(p->adapt.volume[2].serial, "ade-lun63");
	assert_int_equal(p->adapt.volume[2].partition, 2);
}

static void a_root_that_is_plain_by_now_gets_its_name(void **state)
{
	AUTO(free) struct boot_plan *p = malloc(sizeof(*p));

	(void)state;
	a_plan(p);
	add(p, "other /dev/disk/azure/root-part2 none\n");
	assert_int_equal(p->adapt.n_volumes, 0);
	assert_false(p->adapt.decrypted);
	add(p, "osencrypt /dev/disk/azure/root-part1 none luks\n");
	assert_int_equal(p->adapt.n_volumes, 1);
	assert_string_equal(p->adapt.volume[0].serial, "ade-os");
	assert_int_equal(p->adapt.volume[0].partition, 4);
	assert_false(p->adapt.volume[0].is_data);
	assert_true(p->adapt.decrypted);
}

static void names_without_end_stop_at_the_most(void **state)
{
	AUTO(free) struct boot_plan *p = malloc(sizeof(*p));
	char line[80];

	(void)state;
	a_plan(p);
	for (int i = 0; i < 200; i++) {
		snprintf(line, sizeof(line), "v%d /dev/disk/azure/scsi1/lun0 /k\n", i);
		add(p, line);
	}
	assert_int_equal(p->adapt.n_volumes, ADAPT_VOLUMES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_name_luns_and_uuids),
		cmocka_unit_test(other_lines_are_of_no_disk_of_ours),
		cmocka_unit_test(decrypted_volumes_get_their_names),
		cmocka_unit_test(a_root_that_is_plain_by_now_gets_its_name),
		cmocka_unit_test(names_without_end_stop_at_the_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
