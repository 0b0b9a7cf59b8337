/* SPDX-License-Identifier: Apache-2.0 */
/* LUKS's anti-forensic splitter (LUKS1 On-Disk Format, section 2.4): merging. */
#ifndef ADE_CRYPTO_LUKS_AF_H
#define ADE_CRYPTO_LUKS_AF_H

#include "crypto/secret.h"

#include <stdint.h>

/* split holds stripes * len bytes; out gets len.  0, -ENOTSUP (digest), -ENOMEM. */
int af_merge(const struct secret *split, size_t len, uint32_t stripes, const char *digest,
	     struct secret *out);

#endif
