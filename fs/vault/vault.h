/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vault: a store, its identity and its keys.  Opened once, then immutable
 * and usable from any number of threads.  FORMAT.md, section "Vault".
 */
#ifndef ADE_FS_VAULT_VAULT_H
#define ADE_FS_VAULT_VAULT_H

#include "fs/store/store.h"
#include "fs/vault/keys.h"
#include "fs/vault/slot.h"

#define VM_ID_TEXT 17u			/* 16 hex digits and NUL */
#define CHUNK_DEFAULT (64u << 10)

enum capsule_mode { CAPSULE_SEALED, CAPSULE_WRAPPED, CAPSULE_NONE };

struct vault_info {
	uint8_t id[VAULT_ID_BYTES];
	char name[128], subscription[128], region[64];	/* may be empty */
	uint32_t chunk_size;		/* bytes, for new disks */
	enum capsule_mode capsule;
	bool conditional_put;		/* what init's probe saw */
	int64_t created;		/* store time, seconds since 1970 */
};

struct vault;

/* Make a vault in the store and its first slot.  -EEXIST: there is one.
 * Takes the store; *out is the open vault. */
int vault_init(struct store *st_taken, const struct vault_info *want, const struct slot_secret *first,
	       char slot_id[SLOT_ID_TEXT], struct vault **out, struct error *err);

/* Takes the store.  secret NULL: without keys (verify --no-key).
 * NULL: ENOENT (no vault there), EKEYREJECTED, EBADMSG, … */
struct vault *vault_open(struct store *st_taken, const struct slot_secret *secret, struct error *err);
void vault_free(struct vault *v);

struct store *vault_store(const struct vault *v);		/* borrowed */
const struct key_ring *vault_ring(const struct vault *v);	/* NULL: opened without keys */
const struct rsa_key *vault_private_key(const struct vault *v);	/* that opened it; NULL: another kind did */
const struct vault_info *vault_info(const struct vault *v);
const char *capsule_mode_name(enum capsule_mode mode);
int capsule_mode_parse(const char *text, enum capsule_mode *mode);

/* The VM's id in object names: HMAC of its name, so that names do not show in the store. */
int vault_vm_id(const struct vault *v, const char *vm_name, char id[VM_ID_TEXT]);
/* Record the VM's name, sealed (vm/<id>.0), when it is not there yet. */
int vault_vm_record(struct vault *v, const char *vm_name, struct error *err);
typedef int vm_fn(void *arg, const char *vm_name, const char *vm_id);
int vault_vm_list(struct vault *v, vm_fn *fn, void *arg, struct error *err);

/* HMAC key for chunk names of a VM: 32 bytes.  Page names: vault_page_key(). */
int vault_name_key(const struct vault *v, const char *vm_id, uint8_t key[32]);
int vault_page_key(const struct vault *v, uint8_t key[32]);

DEFINE_CLEANUP(struct vault *, vault_free);

#endif
