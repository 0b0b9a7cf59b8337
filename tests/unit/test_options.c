/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/mount_options.h"
#include "tools/lib/options.h"
#include "tools/lib/report.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct options *fresh(void)
{
	struct options *o = options_new(G_KEYS | G_MOUNT);

	assert_non_null(o);
	return o;
}

static void a_list_is_split_at_commas_and_a_backslash_keeps_one(void **state)
{
	AUTO(options_free) struct options *o = fresh();

	(void)state;
	assert_int_equal(options_parse_list(o, "bek=/a\\,b.BEK,,bek=C:\\\\x,partial", false, NULL), 0);
	assert_string_equal(options_nth(o, OPT_BEK, 0), "/a,b.BEK");
	assert_string_equal(options_nth(o, OPT_BEK, 1), "C:\\x");
	assert_null(options_nth(o, OPT_BEK, 2));
	assert_true(options_has(o, OPT_PARTIAL));
}

static void options_of_mount_itself_are_taken_and_only_some_reach_the_kernel(void **state)
{
	AUTO(options_free) struct options *o = fresh();

	(void)state;
	assert_int_equal(options_parse_list(o, "rw,_netdev,nofail,user=joe,x-systemd.automount,"
					    "noexec,noatime,X-mount.mkdir", false, NULL), 0);
	assert_string_equal(options_kernel(o), "noexec,noatime");
}

static void remount_is_refused_with_what_to_do(void **state)
{
	AUTO(options_free) struct options *o = fresh();
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(options_parse_list(o, "remount,ro", false, &err), -EINVAL);
	assert_non_null(strstr(err.next, "unmount"));
}

static void an_unknown_option_is_refused_with_the_nearest_name(void **state)
{
	AUTO(options_free) struct options *o = fresh();
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(options_parse_list(o, "recovry-password-file=x", false, &err), -EINVAL);
	assert_non_null(strstr(err.next, "recovery-password-file"));
	error_clear(&err);
	assert_int_equal(options_parse_list(o, "zzzzzzzzzz", false, &err), -EINVAL);
	assert_string_equal(err.next, "see the options with: --help");
	assert_int_equal(options_parse_list(o, "zzzzzzzzzz,zz=1", true, &err), 0);
}

static void dash_and_underscore_are_the_same(void **state)
{
	AUTO(options_free) struct options *o = fresh();

	(void)state;
	assert_int_equal(options_parse_list(o, "allow-other,read_deadline=5", false, NULL), 0);
	assert_true(options_has(o, OPT_ALLOW_OTHER));
	assert_int_equal(options_number(o, OPT_READ_DEADLINE, 120), 5);
}

static void values_are_checked_before_anything_is_opened(void **state)
{
	static const char *const bad[] = { "mode=0600", "mode=rw", "read-deadline=soon", "bek=",
		"max-kdf-memory=1X", "max-kdf-memory=99999999999T", "partial=yes", "bek",
		"read-deadline=-1" };
	struct error err = ERROR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO(options_free) struct options *o = fresh();

		if (options_parse_list(o, bad[i], false, &err) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
	}
}

static void numbers_take_suffixes(void **state)
{
	AUTO(options_free) struct options *o = fresh();

	(void)state;
	assert_int_equal(options_parse_list(o, "read-deadline=2m,max-kdf-memory=3GiB,mode=0440",
					    false, NULL), 0);
	assert_int_equal(options_number(o, OPT_READ_DEADLINE, 0), 120);
	assert_int_equal(options_number(o, OPT_MAX_KDF_MEMORY, 0), 3ull << 30);
	assert_int_equal(options_number(o, OPT_MODE, 0), 0440);
}

static void arguments_and_operands_may_be_mixed(void **state)
{
	AUTO(options_free) struct options *o = fresh();
	char *argv[] = { (char *)"mount", (char *)"SPEC", (char *)"--bek", (char *)"a",
			 (char *)"DIR", (char *)"--bek=b", (char *)"-q",
			 (char *)"-o", (char *)"partial,rw" };
	int first = 0;

	(void)state;
	assert_int_equal(options_parse(o, 9, argv, &first, NULL), 0);
	assert_int_equal(first, 7);
	assert_string_equal(argv[7], "SPEC");
	assert_string_equal(argv[8], "DIR");
	assert_string_equal(options_get(o, OPT_BEK), "b");
	assert_true(options_has(o, OPT_QUIET));
	assert_true(options_has(o, OPT_PARTIAL));
}

static int parse_one(const char *word, const char *more, unsigned groups, struct error *err)
{
	AUTO(options_free) struct options *o = options_new(groups);
	char *argv[] = { (char *)"x", (char *)word, (char *)more };
	int first;

	return options_parse(o, more ? 3 : 2, argv, &first, err);
}

static void a_bad_argument_is_named(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(parse_one("--bekk", "x", G_KEYS, &err), -EINVAL);
	assert_string_equal(err.next, "did you mean bek?");
	assert_int_equal(parse_one("--bek", NULL, G_KEYS, &err), -EINVAL);
	assert_non_null(strstr(err.text, "needs a value: FILE"));
	assert_int_equal(parse_one("--json=1", NULL, G_KEYS, &err), -EINVAL);
	assert_non_null(strstr(err.text, "takes no value"));
	assert_int_equal(parse_one("--lazy", NULL, G_KEYS, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no meaning here"));
	assert_int_equal(parse_one("-x", NULL, G_KEYS, &err), -EINVAL);
	assert_non_null(strstr(err.text, "-x"));
	assert_int_equal(parse_one("-o", "rw", G_KEYS, &err), -EINVAL);
}

static char *option_file(const char *text)
{
	char *path = strdup("/tmp/ade-options.XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

static void an_option_file_counts_less_than_what_stands_beside_it(void **state)
{
	AUTO(options_free) struct options *o = fresh();
	AUTO(free) char *path = option_file("# comment\n\n  uid=1\nbek=/a,b\\c.BEK\n"
					    "lazy\npartial\r\n");
	AUTO(free) char *list = NULL;

	(void)state;
	assert_true(asprintf(&list, "uid=2,options-file=%s", path) > 0);
	assert_int_equal(options_parse_list(o, list, false, NULL), 0);
	assert_int_equal(options_read_files(o, NULL), 0);
	unlink(path);
	assert_string_equal(options_get(o, OPT_UID), "2");
	assert_string_equal(options_get(o, OPT_BEK), "/a,b\\c.BEK");
	assert_true(options_has(o, OPT_PARTIAL));
	assert_false(options_has(o, OPT_LAZY));	/* another command's */
}

static void a_bad_line_of_an_option_file_is_named_by_its_number(void **state)
{
	AUTO(options_free) struct options *o = fresh();
	AUTO(free) char *path = option_file("partial\nbkk=1\n");
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(options_add(o, "options-file", path, NULL), 0);
	assert_int_equal(options_read_files(o, &err), -EINVAL);
	unlink(path);
	assert_non_null(strstr(err.text, "line 2"));
}

static void edits_are_counted(void **state)
{
	(void)state;
	assert_int_equal(edit_distance("bek", "bek"), 0);
	assert_int_equal(edit_distance("bek", "bke"), 1);
	assert_int_equal(edit_distance("keys", "key"), 1);
	assert_int_equal(edit_distance("", "abc"), 3);
	assert_int_equal(edit_distance("overlay", "ovrelaz"), 2);
}

static void every_error_has_its_exit_code(void **state)
{
	static const int pairs[][2] = {
		{ 0, 0 }, { EIO, 1 }, { ENOMEM, 1 }, { EINVAL, 2 }, { ENOENT, 10 }, { EBUSY, 11 },
		{ EKEYREJECTED, 12 }, { ENOKEY, 13 }, { EACCES, 14 }, { EPERM, 14 },
		{ EHOSTUNREACH, 15 }, { ETIMEDOUT, 15 }, { EBADMSG, 16 }, { ENOTSUP, 17 },
		{ EINTR, 130 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct error err = { .code = pairs[i][0] };

		assert_int_equal(exit_code_for(&err), pairs[i][1]);
	}
	assert_int_equal(mount_bits_for(0), 0);
	assert_int_equal(mount_bits_for(EXIT_WARNINGS), 0);
	assert_int_equal(mount_bits_for(EXIT_USAGE), 1);
	assert_int_equal(mount_bits_for(EXIT_WRONG_KEY), 32);
	assert_int_equal(mount_bits_for(EXIT_INTERRUPTED), 8);
}

static void the_table_is_in_order(void **state)
{
	int i, j;

	(void)state;
	for (i = 0; i < N_OPTIONS; i++) {
		assert_non_null(option_defs[i].help);
		assert_int_not_equal(option_defs[i].groups, 0);
		assert_true(option_defs[i].help[strlen(option_defs[i].help) - 1] != '.');
		assert_int_equal(mount_option_kind(option_defs[i].name), MOUNT_OPTION_OTHER);
		for (j = 0; j < i; j++)
			if (!strcmp(option_defs[i].name, option_defs[j].name))
				fail_msg("%s is there twice", option_defs[i].name);
	}
}

/* A bit that is given twice lets a command take another's options. */
static void no_two_groups_share_a_bit(void **state)
{
	unsigned seen = 0;

	(void)state;
	for (size_t i = 0; i < n_option_group_defs; i++) {
		assert_int_equal(seen & option_group_defs[i].group, 0);
		seen |= option_group_defs[i].group;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_split_at_commas_and_a_backslash_keeps_one),
		cmocka_unit_test(options_of_mount_itself_are_taken_and_only_some_reach_the_kernel),
		cmocka_unit_test(remount_is_refused_with_what_to_do),
		cmocka_unit_test(an_unknown_option_is_refused_with_the_nearest_name),
		cmocka_unit_test(dash_and_underscore_are_the_same),
		cmocka_unit_test(values_are_checked_before_anything_is_opened),
		cmocka_unit_test(numbers_take_suffixes),
		cmocka_unit_test(arguments_and_operands_may_be_mixed),
		cmocka_unit_test(a_bad_argument_is_named),
		cmocka_unit_test(an_option_file_counts_less_than_what_stands_beside_it),
		cmocka_unit_test(a_bad_line_of_an_option_file_is_named_by_its_number),
		cmocka_unit_test(edits_are_counted),
		cmocka_unit_test(every_error_has_its_exit_code),
		cmocka_unit_test(the_table_is_in_order),
		cmocka_unit_test(no_two_groups_share_a_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
