/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key file on paper: the key in four lines that a person can type, each with
 * a check that tells which one was mistyped.  What is typed is a key file again.
 * FORMAT.md, section "Slots".
 */
#ifndef ADE_FS_VAULT_SLOT_PAPER_H
#define ADE_FS_VAULT_SLOT_PAPER_H

#include "crypto/error.h"
#include "crypto/secret.h"

#include <stdbool.h>

#define PAPER_KEY_BYTES 32u

/* Does it begin as one? */
bool slot_paper_is(const void *text, size_t len);
/* Hostile input.  0, or -EINVAL with words that name the line, never its content. */
int slot_paper_parse(const void *text, size_t len, uint8_t key[PAPER_KEY_BYTES], struct error *err);
/* about: one line of words for people, without control characters.  NULL: no memory. */
struct secret *slot_paper_print(const uint8_t key[PAPER_KEY_BYTES], const char *about);

#endif
