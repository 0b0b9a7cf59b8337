/* SPDX-License-Identifier: Apache-2.0 */
/* Which bytes become keys, in which order they are tried, and what is refused. */
#include "fs/keys/keyring.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-keyring.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static int remove_dir(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *put(const char *name, const void *bytes, size_t len)
{
	static char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
	return path;
}

static void assert_bytes(struct keyring *r, size_t i, const char *want)
{
	const struct secret *s = keyring_at(r, i)->bytes;

	assert_int_equal(secret_len(s), strlen(want));
	assert_memory_equal(secret_bytes(s), want, strlen(want));
}

static void a_passphrase_counts_byte_for_byte_and_a_password_loses_one_line_end(void **state)
{
	AUTO(keyring_free) struct keyring *r = keyring_new();
	const char *path = put("p", "word\n\r\n", 7);

	(void)state;
	assert_int_equal(keyring_add_bek(r, path, NULL), 0);
	assert_int_equal(keyring_add_file(r, KEY_PASSWORD, path, NULL), 0);
	assert_int_equal(keyring_add_file(r, KEY_RECOVERY_PASSWORD, path, NULL), 0);
	assert_int_equal(keyring_count(r), 3);
	assert_bytes(r, 0, "word\n\r\n");
	assert_bytes(r, 1, "word\n");
	assert_bytes(r, 2, "word\n");
	assert_int_equal(keyring_at(r, 0)->kind, KEY_PASSPHRASE);
	assert_true(keyring_at(r, 0)->named);
}

static void a_folder_gives_ades_names_first_and_passes_over_what_is_no_key(void **state)
{
	AUTO(keyring_free) struct keyring *r = keyring_new();
	static const char large[(1 << 20) + 1];
	char sub[160];

	(void)state;
	put("aaa", "1", 1);
	put("zzz", "2", 1);
	put("LinuxPassPhraseFileName_1_0", "4", 1);
	put("LinuxPassPhraseFileName", "3", 1);
	put("empty", "", 0);
	put("large", large, sizeof(large));
	snprintf(sub, sizeof(sub), "%s/folder", dir);
	assert_int_equal(mkdir(sub, 0700), 0);
	snprintf(sub, sizeof(sub), "%s/pipe", dir);
	assert_int_equal(mkfifo(sub, 0600), 0);
	assert_int_equal(keyring_add_dir(r, dir, NULL), 0);
	assert_int_equal(keyring_count(r), 4);
	assert_bytes(r, 0, "3");
	assert_bytes(r, 1, "4");
	assert_bytes(r, 2, "1");
	assert_bytes(r, 3, "2");
	assert_false(keyring_at(r, 0)->named);
	assert_null(keyring_first_unused(r));
}

static void a_key_comes_through_a_descriptor_in_several_parts(void **state)
{
	AUTO(keyring_free) struct keyring *r = keyring_new();
	char name[16], bytes[9000];
	int fds[2];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], bytes, 5000), 5000);
	assert_int_equal(write(fds[1], bytes, 4000), 4000);
	close(fds[1]);
	snprintf(name, sizeof(name), "fd:%d", fds[0]);
	assert_int_equal(keyring_add_bek(r, name, NULL), 0);
	close(fds[0]);
	assert_int_equal(secret_len(keyring_at(r, 0)->bytes), 9000);
	assert_memory_equal(secret_bytes(keyring_at(r, 0)->bytes), bytes, 9000);
}

static void bad_key_files_are_refused_by_name(void **state)
{
	AUTO(keyring_free) struct keyring *r = keyring_new();
	static const char large[(1 << 20) + 1];
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(keyring_add_bek(r, "/nonexistent/key", &err), -ENOENT);
	assert_string_equal(err.object, "/nonexistent/key");
	assert_int_equal(keyring_add_bek(r, put("e", "", 0), &err), -EBADMSG);
	assert_int_equal(keyring_add_bek(r, put("l", large, sizeof(large)), &err), -EBADMSG);
	assert_int_equal(keyring_add_file(r, KEY_BEK, put("b", "not a bek", 9), &err), -EBADMSG);
	assert_int_equal(keyring_add_bek(r, "fd:", &err), -EINVAL);
	assert_int_equal(keyring_add_bek(r, "fd:99999", &err), -EBADF);
	assert_int_equal(keyring_add_dir(r, "/nonexistent", &err), -ENOENT);
	assert_int_equal(keyring_count(r), 0);
}

static void a_named_key_is_told_as_unused_until_it_opens_something(void **state)
{
	AUTO(keyring_free) struct keyring *r = keyring_new();

	(void)state;
	assert_int_equal(keyring_add_secret(r, KEY_PASSPHRASE, "typed", secret_copy("x", 1), NULL), 0);
	assert_null(keyring_first_unused(r));
	assert_int_equal(keyring_add_bek(r, put("one", "1", 1), NULL), 0);
	assert_int_equal(keyring_add_bek(r, put("two", "2", 1), NULL), 0);
	keyring_at(r, 1)->used = true;
	assert_ptr_equal(keyring_first_unused(r), keyring_at(r, 2));
	keyring_at(r, 2)->used = true;
	assert_null(keyring_first_unused(r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
		T(a_passphrase_counts_byte_for_byte_and_a_password_loses_one_line_end),
		T(a_folder_gives_ades_names_first_and_passes_over_what_is_no_key),
		T(a_key_comes_through_a_descriptor_in_several_parts),
		T(bad_key_files_are_refused_by_name),
		T(a_named_key_is_told_as_unused_until_it_opens_something),
	};

	if (secret_process_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
