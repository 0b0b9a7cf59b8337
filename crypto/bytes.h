/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores of a stated byte order, and arithmetic on numbers that
 * somebody else wrote.  On-disk layouts are read with these, never by
 * casting a struct onto a buffer.
 */
#ifndef ADE_CRYPTO_BYTES_H
#define ADE_CRYPTO_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BYTES_LOAD(name, type, conv)				\
	static inline type name(const void *p)			\
	{							\
		type v;						\
		memcpy(&v, p, sizeof(v));			\
		return conv(v);					\
	}
#define BYTES_STORE(name, type, conv)				\
	static inline void name(void *p, type v)		\
	{							\
		v = conv(v);					\
		memcpy(p, &v, sizeof(v));			\
	}

BYTES_LOAD(le16, uint16_t, le16toh)
BYTES_LOAD(le32, uint32_t, le32toh)
BYTES_LOAD(le64, uint64_t, le64toh)
BYTES_LOAD(be16, uint16_t, be16toh)
BYTES_LOAD(be32, uint32_t, be32toh)
BYTES_LOAD(be64, uint64_t, be64toh)
BYTES_STORE(put_le16, uint16_t, htole16)
BYTES_STORE(put_le32, uint32_t, htole32)
BYTES_STORE(put_le64, uint64_t, htole64)
BYTES_STORE(put_be16, uint16_t, htobe16)
BYTES_STORE(put_be32, uint32_t, htobe32)
BYTES_STORE(put_be64, uint64_t, htobe64)

#undef BYTES_LOAD
#undef BYTES_STORE

/* True when [off, off + len) lies inside [0, size), without overflow. */
static inline bool range_fits(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

/* True, and *sum written, when a + b does not overflow. */
static inline bool add_u64(uint64_t a, uint64_t b, uint64_t *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

static inline bool mul_u64(uint64_t a, uint64_t b, uint64_t *product)
{
	return !__builtin_mul_overflow(a, b, product);
}

static inline bool is_power_of_two(uint64_t v)
{
	return v && !(v & (v - 1));
}

/* Round up to a multiple of a power of two; false when that overflows. */
static inline bool round_up_u64(uint64_t v, uint64_t align, uint64_t *out)
{
	if (!add_u64(v, align - 1, out))
		return false;
	*out &= ~(align - 1);
	return true;
}

/* All bytes zero? */
static inline bool is_zero(const void *p, size_t len)
{
	const unsigned char *b = p;

	while (len && ((uintptr_t)b & 7)) {
		if (*b++)
			return false;
		len--;
	}
	for (; len >= 64; b += 64, len -= 64) {
		uint64_t w[8], v;

		memcpy(w, b, 64);
		v = w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7];
		if (v)
			return false;
	}
	while (len--)
		if (*b++)
			return false;
	return true;
}

#endif
