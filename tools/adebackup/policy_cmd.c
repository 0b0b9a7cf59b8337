/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/policy_cmd.h"
#include "fs/azure/settings.h"
#include "fs/keys/keystore.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define AZURE_MAX (1u << 20)

static int from_azure(struct policy *p, const char *path, struct error *err)
{
	AUTO(secret_free) struct secret *text = keyfile_read(path, AZURE_MAX, err);
	AUTO(jval_free) struct jval *doc = text ? azure_json_parse(secret_bytes(text), secret_len(text), err) : NULL;
	struct policy got;
	int rc = doc ? policy_from_azure(doc, &got, err) : -err->code;

	if (rc < 0) {
		error_object(err, "%s", path);
		return rc;
	}
	snprintf(got.name, sizeof(got.name), "%s", p->name);
	got.number = p->number;
	got.next = p->next;
	policy_clear(p);
	*p = got;
	return 0;
}

static void take_frequency(struct policy *p, const struct options *o)
{
	const char *text = options_get(o, OPT_SCHEDULE);

	if (options_has(o, OPT_ENHANCED))
		p->enhanced = true;
	if (!text)
		return;
	p->frequency = !strcmp(text, "weekly") ? POLICY_WEEKLY : !strcmp(text, "hourly") ? POLICY_HOURLY : POLICY_DAILY;
	if (p->frequency == POLICY_HOURLY) {
		p->interval_hours = p->interval_hours ? p->interval_hours : 4;
		p->window_hours = p->window_hours ? p->window_hours : 24;
	}
	if (p->frequency == POLICY_WEEKLY && !p->enhanced)
		p->snapshot_days = 5;		/* as Azure fixes it */
}

static int take_schedule(struct policy *p, const struct options *o, struct error *err)
{
	const char *at = options_get(o, OPT_AT), *on = options_get(o, OPT_ON), *zone = options_get(o, OPT_TIME_ZONE);
	int rc = 0;

	take_frequency(p, o);
	p->interval_hours = (unsigned)options_number(o, OPT_EVERY, p->interval_hours);
	p->window_hours = (unsigned)options_number(o, OPT_WINDOW, p->window_hours);
	p->snapshot_days = (unsigned)options_number(o, OPT_SNAPSHOT_DAYS, p->snapshot_days);
	if (zone && strlen(zone) >= sizeof(p->time_zone))
		return error_set(err, EINVAL, "'%.40s…' is no time zone", zone);
	if (zone)
		snprintf(p->time_zone, sizeof(p->time_zone), "%s", zone);
	if (at)
		rc = policy_time_parse(at, &p->minute, err);
	return rc || !on ? rc : policy_days_parse(on, &p->weekdays, err);
}

static int take_rules(struct policy *p, const struct options *o, struct error *err)
{
	static const enum option_id ids[N_RULES] = { OPT_RETAIN_DAILY, OPT_RETAIN_WEEKLY, OPT_RETAIN_MONTHLY,
						     OPT_RETAIN_YEARLY };
	int rc = 0;

	for (enum rule_kind k = RULE_DAILY; k < N_RULES && !rc; k++)
		if (options_has(o, ids[k]))
			rc = policy_rule_parse(k, options_get(o, ids[k]), policy_rule(&p->rules, k), err);
	return rc;
}

/* A weekly policy without more words keeps the points of its days. */
static void fit_weekly(struct policy *p, const struct options *o)
{
	if (p->frequency != POLICY_WEEKLY)
		return;
	if (!options_has(o, OPT_RETAIN_DAILY))
		p->rules.daily.count = 0;
	if (!options_has(o, OPT_RETAIN_WEEKLY) && p->rules.weekly.count)
		p->rules.weekly.weekdays = p->weekdays;
}

int policy_apply_options(struct policy *p, const struct options *o, struct error *err)
{
	int rc = options_has(o, OPT_FROM_AZURE) ? from_azure(p, options_get(o, OPT_FROM_AZURE), err) : 0;

	rc = rc ? rc : take_schedule(p, o, err);
	rc = rc ? rc : take_rules(p, o, err);
	fit_weekly(p, o);
	return rc ? rc : policy_check(p, err);
}

void policy_print(const struct policy *p)
{
	char schedule[256], retention[512];

	policy_schedule_words(p, schedule, sizeof(schedule));
	policy_retention_words(p, retention, sizeof(retention));
	printf("policy %s (%s%s)\n  backups  %s\n  kept     %s\n", p->name, p->enhanced ? "enhanced" : "standard",
	       p->stored ? "" : ", the default", schedule, retention);
}

json_t *policy_json(const struct policy *p, json_t *vms)
{
	static const char *const frequencies[] = { "daily", "weekly", "hourly" };
	struct retention rules = p->rules;
	char schedule[256], retention[512], days[80], at[8], rule[N_RULES][400];

	policy_schedule_words(p, schedule, sizeof(schedule));
	policy_retention_words(p, retention, sizeof(retention));
	policy_days_text(p->weekdays, days, sizeof(days));
	snprintf(at, sizeof(at), "%02u:%02u", p->minute / 60 % 100, p->minute % 60);
	for (enum rule_kind k = RULE_DAILY; k < N_RULES; k++)
		policy_rule_text(k, policy_rule(&rules, k), rule[k], sizeof(rule[k]));
	return json_pack("{s:s,s:b,s:b,s:s,s:s,s:s,s:i,s:i,s:s,s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:o}", "name", p->name, "stored",
			 p->stored, "enhanced", p->enhanced, "frequency", frequencies[p->frequency], "at", at, "on", days,
			 "every_hours", (int)p->interval_hours, "window_hours", (int)p->window_hours, "time_zone",
			 p->time_zone, "snapshot_days", (int)p->snapshot_days, "retain_daily", rule[RULE_DAILY],
			 "retain_weekly", rule[RULE_WEEKLY], "retain_monthly", rule[RULE_MONTHLY], "retain_yearly",
			 rule[RULE_YEARLY], "schedule", schedule, "retention", retention, "vms", vms);
}

int policy_users(struct vault *v, const char *policy, json_t **vms, struct error *err)
{
	struct item *list;
	size_t n;
	int rc = item_list(v, &list, &n, err);

	*vms = json_array();
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++)
		if (!list[i].unreadable && !strcmp(list[i].policy, policy))
			json_array_append_new(*vms, json_string(list[i].vm));
	item_list_free(list, n);
	return 0;
}
