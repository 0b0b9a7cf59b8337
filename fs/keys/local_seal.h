/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed objects of the local key store, and files replaced whole: see local.h. */
#ifndef ADE_FS_KEYS_LOCAL_SEAL_H
#define ADE_FS_KEYS_LOCAL_SEAL_H

#include "crypto/error.h"
#include "crypto/secret.h"
#include "fs/util/json_value.h"

#define LOCAL_ID_BYTES 16
#define LOCAL_OBJECT_MAX (256 * 1024)

/* {"format":1,"id","check"} of a store, hostile input: its id, and the 64 digits that tell its key.
 * -EBADMSG, -ENOTSUP (another format). */
int local_config_parse(const void *text, size_t len, uint8_t id[LOCAL_ID_BYTES], char check[65], struct error *err);

/* Sealed bytes of doc under key (32 bytes); malloc'ed, *len written.  NULL: ENOMEM, EIO. */
uint8_t *local_seal(const struct secret *key, const char *name, const struct jval *doc, size_t *len,
		    struct error *err);
/* NULL: EBADMSG (damaged, or another object's bytes), ENOMEM. */
struct jval *local_unseal(const struct secret *key, const char *name, const uint8_t *sealed,
			  size_t len, struct error *err);

/* Write, sync, rename over dirfd/path; exclusive: -EEXIST when it is there. */
int local_write_file(int dirfd, const char *path, const void *data, size_t len, bool exclusive,
		     struct error *err);
/* malloc'ed; NULL: ENOENT and others, EBADMSG when longer than LOCAL_OBJECT_MAX. */
uint8_t *local_read_file(int dirfd, const char *path, size_t *len, struct error *err);

#endif
