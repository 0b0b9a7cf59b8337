/* SPDX-License-Identifier: Apache-2.0 */
/* What a serial line says is understood, in pieces of any size, and silence is told once. */
#include "tools/lib/console_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void feed(struct console_watch *w, const char *text, size_t piece)
{
	for (size_t at = 0, len = strlen(text); at < len; at += piece)
		console_watch_feed(w, text + at, len - at < piece ? len - at : piece, 1000 + at);
}

static void a_start_is_followed_to_the_login(void **state)
{
	static const char text[] = "SeaBIOS\r\nBooting from Hard Disk...\r\nGRUB loading.\r\n"
				   "[    0.000000] Linux version 6.1\r\nDebian web01 ttyS0\r\n\r\nweb01 login: ";

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece += 7) {
		struct console_watch w;

		console_watch_init(&w, NULL, 0);
		feed(&w, text, piece);
		assert_true(w.reached);
		assert_null(w.failure);
		assert_int_equal(w.stage, STAGE_LOGIN);
		assert_true(w.at_loader <= w.at_kernel && w.at_kernel <= w.at_reached);
	}
}

static void a_text_may_be_expected_instead(void **state)
{
	struct console_watch w;

	(void)state;
	console_watch_init(&w, "all is well", 0);
	feed(&w, "x login: ", 3);
	assert_false(w.reached);
	feed(&w, "all is w", 3);
	assert_false(w.reached);
	feed(&w, "ell\n", 1);
	assert_true(w.reached);
}

static void failures_have_a_reason_and_the_line(void **state)
{
	struct console_watch w;

	(void)state;
	console_watch_init(&w, NULL, 0);
	feed(&w, "Boot failed: not a bootable disk\r\n\r\nNo bootable device.\r\n", 5);
	assert_non_null(strstr(w.failure, "boot sector"));
	assert_string_equal(w.said, "Boot failed: not a bootable disk");
	console_watch_init(&w, NULL, 0);
	feed(&w, "[    5.0] \033[1mKernel panic - not syncing: VFS: Unable to mount root fs on x\n", 4096);
	assert_non_null(strstr(w.failure, "root file system"));
	assert_null(strchr(w.said, '\033'));
}

static void a_long_burst_hides_nothing(void **state)
{
	static char burst[100000];
	struct console_watch w;

	(void)state;
	memset(burst, 'x', sizeof(burst));
	memcpy(burst + 50000, "Kernel panic - not syncing", 26);
	memcpy(burst + 20000, "grub rescue>\0", 13);
	console_watch_init(&w, NULL, 0);
	console_watch_feed(&w, burst, sizeof(burst), 5);
	assert_non_null(w.failure);
	assert_non_null(strstr(w.failure, "GRUB"));
	assert_int_equal(strlen(w.tail), CONSOLE_TAIL);
}

static void silence_is_told_once_and_not_after_the_kernel_spoke(void **state)
{
	struct console_watch w;

	(void)state;
	console_watch_init(&w, NULL, 0);
	console_watch_feed(&w, "GRUB", 4, 10);
	assert_false(console_watch_silent(&w, 10 + CONSOLE_SILENCE_MS - 1));
	assert_true(console_watch_silent(&w, 10 + CONSOLE_SILENCE_MS));
	assert_false(console_watch_silent(&w, 10 + 2 * CONSOLE_SILENCE_MS));
	console_watch_init(&w, NULL, 0);
	console_watch_feed(&w, "Linux version", 13, 10);
	assert_false(console_watch_silent(&w, 10 + CONSOLE_SILENCE_MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_is_followed_to_the_login),
		cmocka_unit_test(a_text_may_be_expected_instead),
		cmocka_unit_test(failures_have_a_reason_and_the_line),
		cmocka_unit_test(a_long_burst_hides_nothing),
		cmocka_unit_test(silence_is_told_once_and_not_after_the_kernel_spoke),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
