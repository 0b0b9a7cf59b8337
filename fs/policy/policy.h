/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backup policies: when backups run and how long their points live, as Azure
 * Backup's, kept in the vault under a name.  A change counts for points that
 * are there already.  FORMAT.md, section "Policies".
 */
#ifndef ADE_FS_POLICY_POLICY_H
#define ADE_FS_POLICY_POLICY_H

#include "fs/policy/retention.h"
#include "fs/vault/item.h"

#define POLICY_NAME_TEXT ITEM_POLICY_TEXT
#define POLICY_DEFAULT "DefaultPolicy"	/* every vault has it: daily, kept for 30 days */

enum policy_frequency { POLICY_DAILY, POLICY_WEEKLY, POLICY_HOURLY };

struct policy {
	char name[POLICY_NAME_TEXT];	/* letters, digits, '-', '_', '.'; begins with a letter or digit */
	uint64_t number, next;		/* of its record, of the next one */
	bool stored;			/* false: the default policy, as it comes */
	bool enhanced;			/* Azure's V2 */
	enum policy_frequency frequency;
	unsigned minute;		/* of the local day, a multiple of 30; hourly: the window's begin */
	uint8_t weekdays;		/* weekly: bit 0 Sunday … bit 6 Saturday */
	unsigned interval_hours;	/* hourly: 4, 6, 8 or 12 */
	unsigned window_hours;		/* hourly: from 4 to 24 */
	unsigned snapshot_days;		/* Azure's instant restore.  Of hourly policies all points live so long, and
					 * the last of a day by the rules; 1 to 5, enhanced 1 to 30 */
	char time_zone[64];		/* IANA's or Azure's name */
	struct retention rules;		/* rules.zone is borrowed from zone */
	struct zone *zone;		/* owned */
};

/* Release what p owns. */
void policy_clear(struct policy *p);
static inline void policy_clear_cleanup(struct policy *p) { policy_clear(p); }
void policy_list_free(struct policy *list, size_t n);

/* Name, schedule, zone and retention are such as Azure takes; opens the zone.
 * 0 or -EINVAL, -ENOENT (no such zone) with words. */
int policy_check(struct policy *p, struct error *err);

/* Daily at 02:00 UTC, kept for 30 days. */
int policy_default(struct policy *out, struct error *err);
/* Enhanced: every 4 hours from 08:00, 24 hours, snapshots 7 days, daily 180 days. */
int policy_enhanced(struct policy *out, struct error *err);

/* All that the vault has, the default one among them, by name; damaged ones are
 * passed over with a warning in the log. */
int policy_list(struct vault *v, struct policy **list, size_t *n, struct error *err);
/* -ENOENT: none of that name; "default" stands for the default one. */
int policy_get(struct vault *v, const char *name, struct policy *out, struct error *err);
/* Put a new record under p->next.  -EAGAIN: somebody else changed it. */
int policy_put(struct vault *v, struct policy *p, struct error *err);
/* -ENOENT; who uses it is the caller's to look at. */
int policy_delete(struct vault *v, const char *name, struct error *err);
int policy_drop_old(struct vault *v, uint64_t *n, struct error *err);

/* JSON of the record and back.  Hostile input: -EBADMSG; -EINVAL as policy_check(). */
struct jval *policy_to_json(const struct policy *p);
int policy_from_json(const struct jval *doc, struct policy *out, struct error *err);

/*
 * When is the next backup due?  last: the instant from which on slots count:
 * that of the last scheduled backup, or the item's `since` if there was none.
 * Where slots later than `last` have passed, the newest of them, at most now:
 * after downtime one backup is made up for.  Else the first one after now.
 * A slot is a local time: it follows daylight saving; one that clocks skip
 * comes when they have, one that comes twice counts the first time.
 */
int64_t policy_next_due(const struct policy *p, int64_t last, int64_t now);
/* The first slot after that instant. */
int64_t policy_slot_after(const struct policy *p, int64_t instant);

/* How long points of that item live: by p (NULL: it has no policy any more, all
 * stays), or by the item's state.  *out borrows from p. */
void policy_retention(const struct policy *p, const struct item *it, struct retention *out);

/* For people: "daily at 02:00 Europe/Madrid", "daily 30 days, weekly …". */
void policy_schedule_words(const struct policy *p, char *out, size_t size);
void policy_retention_words(const struct policy *p, char *out, size_t size);

#endif
