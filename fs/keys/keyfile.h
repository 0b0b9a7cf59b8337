/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key and password files: read whole, straight into locked memory.
 */
#ifndef ADE_FS_KEYS_KEYFILE_H
#define ADE_FS_KEYS_KEYFILE_H

#include "crypto/error.h"
#include "crypto/secret.h"

#define KEY_FILE_MAX (1u << 20)

/* path: a file, "-" (stdin) or "fd:N"; at most KEY_FILE_MAX bytes.
 * 0, -ENOENT, -EACCES, -EBADMSG (empty, or too large), … with words. */
int keyfile_load(const char *path, struct secret **out, struct error *err);

/* Everything that fd gives, which may be nothing. */
int keyfile_load_fd(int fd, struct secret **out, struct error *err);

/* Cut one line end. */
void keyfile_trim(struct secret *s);

#endif
