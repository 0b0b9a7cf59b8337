/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protected items: the VMs that a vault backs up, by which policy, from which
 * disks, and what is to become of their points.  A vault may also hold points
 * of VMs that are no items.  FORMAT.md, section "Items".
 *
 * Several items can be put as one: they count together or not at all, also
 * when their writer dies half way.
 */
#ifndef ADE_FS_VAULT_ITEM_H
#define ADE_FS_VAULT_ITEM_H

#include "fs/vault/numbered.h"

#define ITEM_DISKS_MAX 64u
#define ITEM_POLICY_TEXT 64u
#define ITEM_SOFT_DELETE_SECONDS (14 * 86400)

enum item_state {
	ITEM_PROTECTED,
	ITEM_STOPPED,		/* no more backups; its points stay for ever */
	ITEM_DELETED,		/* its points go after delete_after; no restore until undelete */
};

struct item_disk {
	char name[64];		/* "os", "lun0" */
	char *source;		/* owned; where a backup reads it: an absolute path or a URL, without secrets */
	char *encryption;	/* owned; what protecting it saw, for people: "BitLocker, …"; "" */
	bool encrypted;
};

/* One VM.  Filled by item_get() and item_list(); release with item_clear(). */
struct item {
	char vm[128], vm_id[VM_ID_TEXT];
	uint64_t number;		/* of its newest record that counts */
	uint64_t next;			/* for the next record */
	bool unreadable;		/* that record is damaged: nothing but vm_id is known, and vm is "" */
	enum item_state state;
	char policy[ITEM_POLICY_TEXT];	/* a policy's name; kept when stopped or deleted */
	int64_t since;			/* store time at which it got into that state */
	int64_t created;		/* store time at which it was protected first */
	int64_t delete_after;		/* store time; DELETED alone */
	bool cross_region, cross_subscription;	/* protected in spite of that */
	char region[64], subscription[64], os[16];	/* of the VM; may be empty */
	struct item_disk *disk;		/* owned */
	size_t n_disks;
	struct jval *vm_config;		/* owned; NULL: none was given.  Redacted */
};

void item_clear(struct item *it);
static inline void item_clear_cleanup(struct item *it) { item_clear(it); }
void item_list_free(struct item *list, size_t n);

/* All items by name; *list is to be freed with item_list_free(). */
int item_list(struct vault *v, struct item **list, size_t *n, struct error *err);
/* -ENOENT with words: no such item.  A damaged record is -EBADMSG here.  Either way
 * out->next is free: behind a record that does not count, as its writer died. */
int item_get(struct vault *v, const char *vm, struct item *out, struct error *err);
/* Is the VM in soft delete?  For all who would show or restore its points; one
 * listing where there is no item.  0 or -errno; what cannot be read is not deleted. */
int item_is_deleted(struct vault *v, const char *vm_id, bool *deleted, struct error *err);
/* The same for many VMs, of rows that numbered_list(v, "item", …) gave. */
int item_rows_deleted(struct vault *v, const struct numbered *rows, size_t n, const char *vm_id, bool *deleted,
		      struct error *err);
/* The error for that state: -EPERM with words. */
int item_deleted_error(const char *vm, struct error *err);

/* Put a new record of each of items[n], all or none; ids are filled in, and
 * number and next count on.  -EAGAIN: somebody else changed one of them
 * meanwhile; -ETIMEDOUT: it took too long to be sure.  */
int item_put(struct vault *v, struct item *items, size_t n, struct error *err);
/* All its records go: its points are gone.  0 or -errno. */
int item_forget(struct vault *v, const char *vm_id, struct error *err);
/* Take away records that newer ones stand for and what a dead writer left. */
int item_drop_old(struct vault *v, uint64_t *n, struct error *err);

/* JSON text of an item's record and back; hostile input: -EBADMSG.  vm_id,
 * number and next are not in it. */
struct jval *item_to_json(const struct item *it);
int item_from_json(const struct jval *doc, struct item *out, struct error *err);
const char *item_state_name(enum item_state s);	/* "protected", "stopped", "soft-deleted" */

#endif
