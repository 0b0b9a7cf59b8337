/* SPDX-License-Identifier: Apache-2.0 */
/* Policies in the vault: "policy/<id>.<n>". */
#include "fs/policy/policy.h"
#include "fs/util/log.h"
#include "fs/vault/numbered.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FOLDER "policy"
#define SETTLED_SECONDS 86400

/* A VM's name has no '/': their ids stay apart. */
static int policy_id(struct vault *v, const char *name, char id[VM_ID_TEXT], struct error *err)
{
	char text[POLICY_NAME_TEXT + 8];

	snprintf(text, sizeof(text), "policy/%s", name);
	if (vault_vm_id(v, text, id) < 0)
		return error_set(err, ENOKEY, "the vault is open without its keys");
	return 0;
}

static const char *full_name(const char *name)
{
	return strcmp(name, "default") ? name : POLICY_DEFAULT;
}

/* 1: *out is what the row says; 0: it was deleted. */
static int read_row(struct vault *v, const struct numbered *row, struct policy *out, struct error *err)
{
	AUTO(jval_free) struct jval *doc = NULL;
	char id[VM_ID_TEXT];
	int rc = numbered_read(v, OBJECT_POLICY, FOLDER, row, &doc, err);

	*out = (struct policy){ .number = 0 };
	if (rc < 0)
		return rc;
	if (jval_bool(jval_get(doc, "deleted"), false))
		return 0;
	rc = policy_from_json(doc, out, err);
	if (rc < 0)
		return rc == -ENOMEM ? rc : -EBADMSG;
	if (policy_id(v, out->name, id, err) < 0 || strcmp(id, row->id)) {
		policy_clear(out);
		return error_set(err, EBADMSG, "a policy's record bears another policy's name");
	}
	out->number = row->number;
	out->next = row->number + 1;
	return 1;
}

static int damaged(const char *name, const struct numbered *row, struct error *err)
{
	error_prefix(err, 0, "the policy '%s' cannot be read", name);
	error_object(err, FOLDER "/%s.%llu", row->id, (unsigned long long)row->number);
	error_next(err, "Until it is written anew (adebackup policy create) nothing of its VMs expires.");
	return -EBADMSG;
}

int policy_get(struct vault *v, const char *name, struct policy *out, struct error *err)
{
	AUTO(free) struct numbered *rows = NULL;
	char id[VM_ID_TEXT];
	size_t n = 0;
	int rc;

	name = full_name(name);
	*out = (struct policy){ .number = 0 };
	rc = policy_id(v, name, id, err);
	if (rc == 0)
		rc = numbered_list(v, FOLDER, id, &rows, &n, err);
	if (rc == 0 && n)
		rc = read_row(v, &rows[0], out, err);
	if (rc < 0)
		return rc == -EBADMSG || rc == -ENOTSUP ? damaged(name, &rows[0], err) : rc;
	if (rc > 0)
		return 0;
	if (!strcmp(name, POLICY_DEFAULT)) {
		rc = policy_default(out, err);
		out->next = n ? rows[0].number + 1 : 0;
		return rc;
	}
	out->next = n ? rows[0].number + 1 : 0;
	error_set(err, ENOENT, "the vault has no policy '%.63s'", name);
	error_next(err, "adebackup policy list shows those there are, policy create makes one.");
	return -ENOENT;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct policy *)a)->name, ((const struct policy *)b)->name);
}

static int add_default(struct policy *list, size_t *n, struct error *err)
{
	for (size_t i = 0; i < *n; i++)
		if (!strcmp(list[i].name, POLICY_DEFAULT))
			return 0;
	return policy_default(&list[(*n)++], err);
}

int policy_list(struct vault *v, struct policy **list, size_t *n, struct error *err)
{
	AUTO(free) struct numbered *rows = NULL;
	size_t n_rows = 0;
	int rc = numbered_list(v, FOLDER, NULL, &rows, &n_rows, err);

	*n = 0;
	*list = rc == 0 ? calloc(n_rows + 1, sizeof(**list)) : NULL;
	if (rc == 0 && !*list)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n_rows && rc >= 0; i++) {
		if (i && !strcmp(rows[i].id, rows[i - 1].id))
			continue;
		rc = read_row(v, &rows[i], &(*list)[*n], err);
		if (rc == -EBADMSG || rc == -ENOTSUP || rc == -ENOENT) {
			log_warning("a policy cannot be read: " FOLDER "/%s.%llu", rows[i].id,
				    (unsigned long long)rows[i].number);
			error_clear(err);
			rc = 0;
		}
		*n += rc > 0;
	}
	if (rc >= 0)
		rc = add_default(*list, n, err);
	if (rc < 0) {
		policy_list_free(TAKE(*list), *n);
		return rc;
	}
	qsort(*list, *n, sizeof(**list), by_name);
	return 0;
}

static int put_doc(struct vault *v, const char *name, uint64_t number, const struct jval *doc, struct error *err)
{
	char id[VM_ID_TEXT];
	int rc = policy_id(v, name, id, err);

	if (rc == 0)
		rc = numbered_put(v, OBJECT_POLICY, FOLDER, id, number, doc, err);
	if (rc != -EEXIST)
		return rc;
	error_set(err, EAGAIN, "the policy '%s' was changed by somebody else at the same time", name);
	error_next(err, "Look at it and try again: adebackup policy show VAULT %s", name);
	return -EAGAIN;
}

int policy_put(struct vault *v, struct policy *p, struct error *err)
{
	AUTO(jval_free) struct jval *doc = NULL;
	int rc = policy_check(p, err);

	if (rc < 0)
		return rc;
	doc = policy_to_json(p);
	if (!doc)
		return error_set(err, ENOMEM, "out of memory");
	rc = put_doc(v, p->name, p->next, doc, err);
	if (rc == 0) {
		p->number = p->next++;
		p->stored = true;
	}
	return rc;
}

int policy_delete(struct vault *v, const char *name, struct error *err)
{
	__attribute__((cleanup(policy_clear_cleanup))) struct policy p = { .number = 0 };
	AUTO(jval_free) struct jval *doc = jval_object();
	int rc = policy_get(v, name, &p, err);

	if (rc < 0)
		return rc;
	if (!p.stored)
		return error_set(err, EPERM, "the default policy is part of every vault");
	if (jval_set_text(doc, "name", p.name) < 0 || jval_set_bool(doc, "deleted", true) < 0)
		return error_set(err, ENOMEM, "out of memory");
	return put_doc(v, p.name, p.next, doc, err);
}

int policy_drop_old(struct vault *v, uint64_t *n, struct error *err)
{
	AUTO(free) struct numbered *rows = NULL;
	size_t n_rows = 0;
	int64_t now;
	int rc = store_now(vault_store(v), &now, err);

	if (rc == 0)
		rc = numbered_list(v, FOLDER, NULL, &rows, &n_rows, err);
	for (size_t i = 1; i < n_rows && rc >= 0; i++) {
		/* Who listed before the newer one came still reads this one. */
		if (strcmp(rows[i].id, rows[i - 1].id) || now - rows[i - 1].time <= SETTLED_SECONDS)
			continue;
		rc = numbered_remove(v, FOLDER, &rows[i], err);
		*n += rc > 0;
	}
	return rc < 0 ? rc : 0;
}
