/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/vm_site.h"
#include "fs/azure/vm_model.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SEARCH_DEPTH 24
#define GIB (1ull << 30)

struct search {
	char *out;
	size_t room;
	int depth;
};

/* "/subscriptions/<id>/…" */
static bool take_id(struct search *s, const char *text)
{
	const char *id;
	size_t n;

	if (!text || strncasecmp(text, "/subscriptions/", 15))
		return false;
	id = text + 15;
	n = strcspn(id, "/");
	if (!n || n >= s->room)
		return false;
	snprintf(s->out, s->room, "%.*s", (int)n, id);
	return true;
}

static bool search(struct search *s, const struct jval *v);

static int on_member(void *arg, const char *name, struct jval *member)
{
	struct search *s = arg;

	if (!strcasecmp(name, "id") && take_id(s, jval_text(member)))
		return 1;
	return search(s, member);
}

static bool search(struct search *s, const struct jval *v)
{
	bool found = false;

	if (s->depth >= SEARCH_DEPTH)
		return false;
	s->depth++;
	if (jval_is_object(v))
		found = jval_each(v, on_member, s) > 0;
	for (size_t i = 0; !found && jval_is_array(v) && i < jval_len(v); i++)
		found = search(s, jval_at(v, i));
	s->depth--;
	return found;
}

/* The VM's own id, else that of anything it has: they are of one subscription. */
static void take_subscription(const struct jval *doc, struct vm_site *out)
{
	struct search s = { .out = out->subscription, .room = sizeof(out->subscription) };

	if (!take_id(&s, jval_get_text(doc, "id")))
		search(&s, doc);
}

static bool refuses_agent(const struct jval *doc, const char *path)
{
	const struct jval *v = jval_path_ci(doc, path);

	return v && !jval_bool(v, true);
}

/* With an instance view: what the agent last said; without: whether there is to be one. */
static enum vm_agent agent_of(const struct jval *doc)
{
	const struct jval *view = jval_path_ci(doc, "properties.instanceView"), *agent, *status;
	const char *says;

	view = view ? view : jval_get_ci(doc, "instanceView");
	agent = jval_get_ci(view, "vmAgent");
	status = jval_at(jval_get_ci(agent, "statuses"), 0);
	says = jval_get_text(status, "displayStatus");
	if (says)
		return !strcasecmp(says, "Ready") ? VM_AGENT_READY : VM_AGENT_SILENT;
	if (refuses_agent(doc, "properties.osProfile.linuxConfiguration.provisionVMAgent") ||
	    refuses_agent(doc, "properties.osProfile.windowsConfiguration.provisionVMAgent") ||
	    refuses_agent(doc, "osProfile.linuxConfiguration.provisionVMAgent") ||
	    refuses_agent(doc, "osProfile.windowsConfiguration.provisionVMAgent"))
		return VM_AGENT_ABSENT;
	return view && !agent ? VM_AGENT_ABSENT : VM_AGENT_UNKNOWN;
}

void vm_site_take(const struct jval *doc, struct vm_site *out)
{
	AUTO(vm_model_free) struct vm_model *m = vm_model_new(doc, NULL);

	*out = (struct vm_site){ .agent = VM_AGENT_UNKNOWN };
	if (!doc)
		return;
	take_subscription(doc, out);
	if (m && m->location && strlen(m->location) < sizeof(out->region))
		snprintf(out->region, sizeof(out->region), "%s", m->location);
	if (m && m->os != VM_OS_UNKNOWN)
		snprintf(out->os, sizeof(out->os), m->os == VM_OS_LINUX ? "Linux" : "Windows");
	out->agent = agent_of(doc);
}

bool vm_region_is(const char *a, const char *b)
{
	for (;; a++, b++) {
		while (*a == ' ')
			a++;
		while (*b == ' ')
			b++;
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
	}
}

struct words { char *out; size_t room, len; };

__attribute__((format(printf, 2, 3)))
static void say(struct words *w, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(w->out + w->len, w->room - w->len, fmt, args);
	va_end(args);
	w->len += n > 0 ? (size_t)n : 0;
	w->len = w->len < w->room ? w->len : w->room - 1;
}

void vm_limits_words(const uint64_t *sizes, size_t n, bool encrypted, char *out, size_t room)
{
	struct words w = { out, room, 0 };
	uint64_t most = 0, all = 0;

	*out = '\0';
	for (size_t i = 0; i < n; i++) {
		most = sizes[i] > most ? sizes[i] : most;
		all += sizes[i];
	}
	if (most > 32768 * GIB)
		say(&w, "Azure Backup takes no disk over 32 TiB (UserErrorUnsupportedDiskSize), adebackup does\n");
	else if (most > 4095 * GIB)
		say(&w, "Azure Backup took no disk over 4095 GiB in 2019 (UserErrorUnsupportedDiskSize), and puts no encryption "
		    "settings back on disks over 4097 GiB; adebackup does\n");
	if (all > 256 * 1024 * GIB)
		say(&w, "Azure Backup takes no more than 256 TiB of disks a VM, adebackup does\n");
	if (n > 33)
		say(&w, "Azure Backup takes no more than 32 data disks, adebackup does\n");
	else if (n > 17)
		say(&w, "Azure Backup took no more than 16 data disks in 2019, and puts no encryption settings back on VMs with "
		    "more; adebackup does\n");
	if (encrypted)
		say(&w, "of an encrypted VM Azure restores whole disks alone, no files, never in place of the VM's own disks, "
		    "and in its own subscription and region; adebackup restores files, and anywhere\n");
}
