/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/secmem.h"
#include "crypto/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void truncated_secret_keeps_its_head_and_wipes_its_tail(void **state)
{
	AUTO(secret_free) struct secret *s = secret_copy("abcdefgh", 8);

	(void)state;
	assert_non_null(s);
	secret_truncate(s, 3);
	assert_int_equal(secret_len(s), 3);
	assert_memory_equal(secret_bytes(s), "abc", 3);
	assert_int_equal(secret_data(s)[5], 0);
}

static void freed_memory_comes_back_zeroed(void **state)
{
	char zero[5000] = { 0 };

	(void)state;
	for (size_t len = 1; len < sizeof(zero); len = len * 3 + 1) {
		char *p = secmem_alloc(len);

		assert_non_null(p);
		assert_memory_equal(p, zero, len);
		memset(p, 0xa5, len);
		secmem_free(p);
	}
}

static void realloc_keeps_the_bytes_across_size_classes(void **state)
{
	char *p = NULL;

	(void)state;
	for (size_t len = 1; len < 200000; len = len * 2 + 1) {
		p = secmem_realloc(p, len);
		assert_non_null(p);
		if (len > 1)
			for (size_t i = 0; i < len / 2; i++)
				assert_int_equal(p[i], 'x');
		memset(p, 'x', len);
	}
	secmem_free(p);
}

static void absurd_sizes_are_refused(void **state)
{
	(void)state;
	assert_null(secmem_alloc(SIZE_MAX));
	assert_null(secret_new(SIZE_MAX - 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truncated_secret_keeps_its_head_and_wipes_its_tail),
		cmocka_unit_test(freed_memory_comes_back_zeroed),
		cmocka_unit_test(realloc_keeps_the_bytes_across_size_classes),
		cmocka_unit_test(absurd_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
