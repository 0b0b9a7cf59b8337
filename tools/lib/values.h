/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of options: numbers with suffixes, users and groups, choices;
 * and how near two words are.  What a value must look like is told by the
 * option table's word for it (option_table.h).
 */
#ifndef ADE_TOOLS_LIB_VALUES_H
#define ADE_TOOLS_LIB_VALUES_H

#include "crypto/error.h"

#include <stdint.h>

/* 0, or -EINVAL with words that name the option and what it takes. */
int value_check(const char *name, const char *kind, const char *value, struct error *err);

/* kind: N, SECONDS (s m h d), SIZE (K M G T, bytes), MODE (octal, up to 0777,
 * without write or execute bits).  0 or -EINVAL. */
int value_number(const char *kind, const char *value, uint64_t *out);

/* By name or number.  0 or -ENOENT with words. */
int value_uid(const char *value, unsigned *uid, struct error *err);
int value_gid(const char *value, unsigned *gid, struct error *err);

#endif
