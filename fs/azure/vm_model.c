/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/vm_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_NICS 32
#define MAX_DEPTH 24

void vm_model_free(struct vm_model *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->n_nics; i++)
		free(v->nic[i].id);
	free(v->nic);
	free(v->name);
	free(v->size);
	free(v->location);
	azure_settings_free(v->settings);
	free(v);
}

/* The first that says something counts. */
static void keep_text(char **where, const struct jval *v)
{
	const char *text = jval_text(v);

	if (!*where && text && *text)
		*where = strdup(text);
}

static bool is_named(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n >= t && !strcasecmp(name + n - t, tail) && (n == t || name[n - t - 1] == '.');
}

static void take_os(struct vm_model *v, const char *text)
{
	if (!text || v->os)
		return;
	if (!strcasecmp(text, "Windows"))
		v->os = VM_OS_WINDOWS;
	else if (!strcasecmp(text, "Linux"))
		v->os = VM_OS_LINUX;
}

static void take_generation(struct vm_model *v, const char *text)
{
	if (!text || v->generation)
		return;
	if (!strcasecmp(text, "V1"))
		v->generation = 1;
	else if (!strcasecmp(text, "V2"))
		v->generation = 2;
}

/* Trusted launch and confidential VMs are of generation 2 alone. */
static void take_security(struct vm_model *v, const struct jval *profile)
{
	const char *type = jval_get_text(profile, "securityType");

	if (type && !strcasecmp(type, "ConfidentialVM"))
		v->confidential = true;
	if (type && (v->confidential || !strcasecmp(type, "TrustedLaunch")) && !v->generation)
		v->generation = 2;
	v->secure_boot |= jval_bool(jval_path_ci(profile, "uefiSettings.secureBootEnabled"), false);
	v->vtpm |= jval_bool(jval_path_ci(profile, "uefiSettings.vTpmEnabled"), false);
}

static void take_nics(struct vm_model *v, const struct jval *list)
{
	for (size_t i = 0; jval_is_array(list) && i < jval_len(list) && v->n_nics < MAX_NICS; i++) {
		const struct jval *nic = jval_at(list, i);
		struct vm_nic *more = reallocarray(v->nic, v->n_nics + 1, sizeof(*more));

		if (!more)
			return;
		v->nic = more;
		more[v->n_nics] = (struct vm_nic){ .primary = jval_bool(jval_path_ci(nic, "properties.primary"),
									 false) };
		keep_text(&more[v->n_nics].id, jval_get_ci(nic, "id"));
		v->n_nics++;
	}
}

struct walk { struct vm_model *v; unsigned depth; };

static void walk_into(struct walk *w, const struct jval *v);

static int on_member(void *arg, const char *name, struct jval *v)
{
	struct walk *w = arg;

	if (is_named(name, "vmSize"))
		keep_text(&w->v->size, v);
	else if (is_named(name, "osType"))
		take_os(w->v, jval_text(v));
	else if (is_named(name, "hyperVGeneration"))
		take_generation(w->v, jval_text(v));
	else if (is_named(name, "securityProfile"))
		take_security(w->v, v);
	else if (is_named(name, "networkInterfaces"))
		take_nics(w->v, v);
	walk_into(w, v);
	return 0;
}

static void walk_into(struct walk *w, const struct jval *v)
{
	if (w->depth == MAX_DEPTH)
		return;
	w->depth++;
	if (jval_is_object(v))
		jval_each(v, on_member, w);
	for (size_t i = 0; jval_is_array(v) && i < jval_len(v); i++)
		walk_into(w, jval_at(v, i));
	w->depth--;
}

struct vm_model *vm_model_new(const struct jval *doc, struct error *err)
{
	struct vm_model *v = calloc(1, sizeof(*v));
	struct walk w = { .v = v };

	if (!v)
		return error_null(err, ENOMEM, "out of memory");
	if (!doc)
		return v;
	keep_text(&v->name, jval_get_ci(doc, "name"));
	keep_text(&v->location, jval_get_ci(doc, "location"));
	walk_into(&w, doc);
	v->size_known = vm_size_look(v->size, &v->cpus, &v->memory_mib);
	v->settings = azure_settings_from(doc, NULL);
	return v;
}

void vm_model_apply(const struct vm_model *v, struct machine *m)
{
	if (v->os)
		m->os = v->os == VM_OS_WINDOWS ? MACHINE_WINDOWS : MACHINE_LINUX;
	if (v->generation)
		m->generation = v->generation == 2 ? MACHINE_GEN2 : MACHINE_GEN1;
	if (v->cpus)
		m->cpus = v->cpus;
	if (v->memory_mib)
		m->memory_mib = v->memory_mib;
}
