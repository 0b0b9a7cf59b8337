/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vault that has been in service for a while:
 *	plant-service VAULT KEYFILE items SECONDS VM=SOURCE…	items of one disk, protected SECONDS ago by a policy
 *								that wants a backup every four hours
 *	plant-service VAULT KEYFILE jobs	an item by the default policy for each VM that has points, and a job that
 *						completed for each of its points; those of the last day have just run
 */
#include "fs/policy/job.h"
#include "fs/policy/policy.h"
#include "fs/vault/object.h"
#include "fs/vault/point.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HOURLY "every-4-hours"

static int put_policy(struct vault *v, struct error *err)
{
	__attribute__((cleanup(policy_clear_cleanup))) struct policy p = { .next = 0 };
	int rc = policy_get(v, HOURLY, &p, err);

	if (rc != -ENOENT)
		return rc;
	error_clear(err);
	rc = policy_enhanced(&p, err);
	snprintf(p.name, sizeof(p.name), HOURLY);
	p.minute = 0;
	rc = rc < 0 ? rc : policy_check(&p, err);
	return rc < 0 ? rc : policy_put(v, &p, err);
}

static int put_item(struct vault *v, const char *vm, const char *source, const char *policy, int64_t since, struct error *err)
{
	__attribute__((cleanup(item_clear_cleanup))) struct item it = { .state = ITEM_PROTECTED, .since = since,
									.created = since, .n_disks = 1 };
	int rc;

	it.disk = calloc(1, sizeof(*it.disk));
	if (!it.disk || !(it.disk->source = strdup(source)) || !(it.disk->encryption = strdup("")))
		return -ENOMEM;
	snprintf(it.disk->name, sizeof(it.disk->name), "os");
	snprintf(it.vm, sizeof(it.vm), "%s", vm);
	snprintf(it.policy, sizeof(it.policy), "%s", policy);
	rc = vault_vm_id(v, vm, it.vm_id);
	return rc < 0 ? rc : item_put(v, &it, 1, err);
}

static int items(struct vault *v, int64_t age, char **argv, int n, struct error *err)
{
	int64_t now;
	int rc = store_now(vault_store(v), &now, err);

	rc = rc < 0 ? rc : put_policy(v, err);
	for (int i = 0; i < n && rc == 0; i++) {
		char *source = strchr(argv[i], '=');

		if (!source)
			return -EINVAL;
		*source++ = '\0';
		rc = put_item(v, argv[i], source, HOURLY, now - age, err);
	}
	return rc;
}

static int put_job(struct vault *v, const struct point *p, uint64_t number, int64_t begun, struct error *err)
{
	struct job_record j = { .number = number, .operation = JOB_BACKUP, .state = JOB_COMPLETED, .scheduled = true,
				.begun = begun, .ended = begun + 60, .left = -1, .done_bytes = 64 << 20,
				.total_bytes = 64 << 20, .new_bytes = (number % 40) << 20, .n_tasks = 1, .pid = 1 };
	AUTO(free) char *text = NULL;
	char name[96];

	snprintf(j.vm_id, sizeof(j.vm_id), "%s", p->vm_id);
	snprintf(j.vm, sizeof(j.vm), "%s", p->vm);
	snprintf(j.point, sizeof(j.point), "%s", p->id);
	snprintf(j.host, sizeof(j.host), "planted");
	snprintf(j.task[0].name, sizeof(j.task[0].name), "Transfer data to vault");
	j.task[0].state = JOB_COMPLETED;
	text = job_to_json(&j);
	job_object(&j, "end", name);
	return text ? object_put(vault_store(v), vault_ring(v), OBJECT_JOB, name, text, strlen(text), err) : -ENOMEM;
}

static int jobs(struct vault *v, struct error *err)
{
	AUTO(free) struct point_name *names = NULL;
	size_t n = 0;
	uint64_t number = 0;
	int64_t now;
	int rc = store_now(vault_store(v), &now, err);

	rc = rc < 0 ? rc : point_list(v, NULL, &names, &n, err);
	for (size_t i = 0; i < n && rc == 0; i++) {
		AUTO(point_free) struct point *p = NULL;
		bool first = !i || strcmp(names[i - 1].vm_id, names[i].vm_id), last = i + 1 == n ||
			     strcmp(names[i].vm_id, names[i + 1].vm_id);

		rc = point_read(v, &names[i], &p, err);
		number = first ? 1 : number + 1;
		if (rc == 0 && first)
			rc = put_item(v, p->vm, "/nowhere", POLICY_DEFAULT, p->store_time - 1, err);
		rc = rc < 0 ? rc : put_job(v, p, number, last ? now : p->store_time, err);
	}
	return rc;
}

int main(int argc, char **argv)
{
	AUTO(secret_free) struct secret *key = NULL;
	AUTO(vault_free) struct vault *v = NULL;
	struct error err = ERROR_INIT;
	struct slot_secret s = { .kind = SLOT_KEY_FILE };
	int rc;

	if (argc < 4 || (strcmp(argv[3], "jobs") && (strcmp(argv[3], "items") || argc < 6)))
		return 2;
	rc = slot_key_file_read(argv[2], &key, &err);
	s.bytes = key;
	if (rc == 0)
		v = vault_open(store_open(argv[1], false, &err), &s, &err);
	rc = v ? 0 : -1;
	if (rc == 0)
		rc = argc == 4 ? jobs(v, &err) : items(v, strtoll(argv[4], NULL, 10), argv + 5, argc - 5, &err);
	if (rc < 0)
		fprintf(stderr, "plant-service: %d %s\n", rc, err.text);
	return rc < 0;
}
