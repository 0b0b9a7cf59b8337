/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/secret.h"
#include "crypto/secmem.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

struct secret {
	size_t len;
	size_t pad;
	uint8_t bytes[];
};

static void *ossl_malloc(size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return secmem_alloc(n);
}

static void *ossl_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return secmem_realloc(p, n);
}

static void ossl_free(void *p, const char *file, int line)
{
	(void)file, (void)line;
	secmem_free(p);
}

int secret_process_init(void)
{
	struct rlimit none = { 0, 0 };
	struct rlimit lock;

	/* Root may lock what it needs; others as much as they are allowed. */
	if (getrlimit(RLIMIT_MEMLOCK, &lock) == 0) {
		lock.rlim_cur = lock.rlim_max;
		setrlimit(RLIMIT_MEMLOCK, &lock);
	}
	setrlimit(RLIMIT_CORE, &none);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	if (!CRYPTO_set_mem_functions(ossl_malloc, ossl_realloc, ossl_free))
		return -EBUSY;	/* OpenSSL has allocated before us */
	return 0;
}

bool secret_memory_is_locked(void)
{
	return secmem_is_locked();
}

struct secret *secret_new(size_t len)
{
	struct secret *s;
	size_t size;

	if (__builtin_add_overflow(len, sizeof(*s), &size))
		return NULL;
	s = secmem_alloc(size);
	if (s)
		s->len = len;
	return s;
}

struct secret *secret_copy(const void *from, size_t len)
{
	struct secret *s = secret_new(len);

	if (s && len)
		memcpy(s->bytes, from, len);
	return s;
}

void secret_free(struct secret *s)
{
	secmem_free(s);
}

size_t secret_len(const struct secret *s)
{
	return s->len;
}

const uint8_t *secret_bytes(const struct secret *s)
{
	return s->bytes;
}

uint8_t *secret_data(struct secret *s)
{
	return s->bytes;
}

void secret_truncate(struct secret *s, size_t len)
{
	assert(len <= s->len);
	wipe(s->bytes + len, s->len - len);
	s->len = len;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && bytes_equal_ct(a->bytes, b->bytes, a->len);
}

void wipe(void *p, size_t len)
{
	OPENSSL_cleanse(p, len);
}

bool bytes_equal_ct(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
