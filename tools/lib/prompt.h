/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a person at the terminal for a password, without echo. */
#ifndef ADE_TOOLS_LIB_PROMPT_H
#define ADE_TOOLS_LIB_PROMPT_H

#include "crypto/secret.h"
#include "fs/keys/keyring.h"

#include <stdbool.h>

/* Does somebody sit there: are stdin and stderr terminals? */
bool prompt_possible(void);

/* Ask what opens `object`; again: the last answer did not.  *kind: 48 digits
 * in groups of six are a recovery password.  NULL: an empty line, or nobody. */
struct secret *prompt_key(const char *object, bool again, enum key_kind *kind);

/* Ask one question without echo; up to 1023 bytes. */
struct secret *prompt_secret(const char *question);

#endif
