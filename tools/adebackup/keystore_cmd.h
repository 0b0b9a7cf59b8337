/* SPDX-License-Identifier: Apache-2.0 */
/* What the keystore commands share. */
#ifndef ADE_TOOLS_ADEBACKUP_KEYSTORE_CMD_H
#define ADE_TOOLS_ADEBACKUP_KEYSTORE_CMD_H

#include "fs/keys/local.h"
#include "tools/adebackup/command.h"

/* operands[0] with --keystore-key.  NULL with words. */
struct local_store *keystore_cmd_open(const struct invocation *in, struct error *err);

/* Attributes that the options ask for, on a new object.  NULL with words. */
struct jval *keystore_cmd_object(const struct invocation *in, struct error *err);

/* Secret or key: by --kind, else whichever has that name (deleted: among the
 * deleted).  -ENOENT with words. */
int keystore_cmd_kind(const struct invocation *in, struct local_store *s, const char *name,
		      enum local_kind *kind, bool deleted, struct error *err);

/* How such a command ends: {"name","version","kind"} or the error. */
int keystore_cmd_end(const struct invocation *in, int rc, enum local_kind kind, const char *name,
		     const char *version, const struct error *err);

#endif
