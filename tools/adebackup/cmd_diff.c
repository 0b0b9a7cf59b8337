/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/map_diff.h"
#include "tools/adebackup/command.h"
#include "tools/lib/point_opening.h"
#include "tools/lib/size_text.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct job {
	const struct invocation *in;
	struct vault *vault;
	struct point *old, *new;
	struct vault_session *old_reader, *new_reader;	/* NULL: the store takes no record */
	json_t *disks;			/* for --json */
};

/* One disk of the two points. */
struct comparison {
	const struct job *job;
	const char *name;
	uint32_t chunk_size;
	uint64_t end, changed;		/* bytes */
	json_t *ranges;
};

static void job_clear(struct job *j)
{
	json_decref(j->disks);
	vault_last_words(j->vault, true);
	if (j->old_reader)
		vault_session_end(j->old_reader);
	if (j->new_reader)
		vault_session_end(j->new_reader);
	point_free(j->old);
	point_free(j->new);
	vault_free(j->vault);
}

static int add_range(void *arg, uint64_t first, uint64_t n)
{
	struct comparison *c = arg;
	uint64_t off = first * c->chunk_size, len = n * c->chunk_size;

	if (off >= c->end)		/* what pads the last chunk */
		return 0;
	len = len < c->end - off ? len : c->end - off;
	c->changed += len;
	if (!c->job->in->report->json) {
		printf("%s %" PRIu64 " %" PRIu64 "\n", c->name, off, len);
		return 0;
	}
	return json_array_append_new(c->ranges, json_pack("{s:I,s:I}", "offset", (json_int_t)off, "length",
							  (json_int_t)len)) ? -ENOMEM : 0;
}

static void tell_disk(const struct comparison *c, const struct point_disk *a, const struct point_disk *b)
{
	const char *whose = a && b ? "" : a ? "; only the older point has it" : "; only the newer point has it";

	if (!c->job->in->report->quiet)
		fprintf(stderr, "%s: %s of %s differ%s\n", c->name, size_text(c->changed).text,
			size_text(c->end).text, whose);
}

/* a or b NULL: that point does not have the disk, and zeros stand in. */
static int compare_disk(struct job *j, const struct point_disk *a, const struct point_disk *b,
			struct error *err)
{
	struct point_disk none = a ? *a : *b;
	struct comparison c = { .job = j, .name = none.name, .chunk_size = none.chunk_size,
				.ranges = json_array() };
	int rc;

	none.has_top = false;
	c.end = a && b && b->size > a->size ? b->size : none.size;
	rc = c.ranges ? map_diff(j->vault, a ? a : &none, b ? b : &none, add_range, &c, err) : -ENOMEM;
	if (rc < 0) {
		json_decref(c.ranges);
		if (!err->code)
			error_set(err, -rc, "out of memory");
		return error_prefix(err, rc, "disk %s", c.name);
	}
	if (!j->in->report->json)
		tell_disk(&c, a, b);
	return json_array_append_new(j->disks, json_pack("{s:s,s:o,s:o,s:I,s:o}", "name", c.name,
		"old_size", a ? json_integer((json_int_t)a->size) : json_null(),
		"new_size", b ? json_integer((json_int_t)b->size) : json_null(),
		"changed_bytes", (json_int_t)c.changed, "ranges", c.ranges)) ? -ENOMEM : 0;
}

static int compare_points(struct job *j, struct error *err)
{
	int rc = 0;

	if (strcmp(j->old->vm_id, j->new->vm_id)) {
		error_set(err, EINVAL, "these are points of two VMs: %s and %s", j->old->vm, j->new->vm);
		error_next(err, "Points of one VM can be compared; restore the others and use cmp(1).");
		return -EINVAL;
	}
	for (size_t i = 0; i < j->old->n_disks && rc == 0; i++)
		rc = compare_disk(j, &j->old->disk[i], point_find_disk(j->new, j->old->disk[i].name), err);
	for (size_t i = 0; i < j->new->n_disks && rc == 0; i++)
		if (!point_find_disk(j->old, j->new->disk[i].name))
			rc = compare_disk(j, NULL, &j->new->disk[i], err);
	return rc;
}

static int open_points(struct job *j, struct error *err)
{
	char **operands = j->in->operands;

	j->disks = json_array();
	j->vault = j->disks ? vault_from_options(operands[0], j->in->options, err)
			    : error_null(err, ENOMEM, "out of memory");
	j->old = j->vault ? point_from_operand(j->vault, operands[1], &j->old_reader, err) : NULL;
	j->new = j->old ? point_from_operand(j->vault, operands[2], &j->new_reader, err) : NULL;
	return j->new ? 0 : -err->code;
}

static int run(const struct invocation *in)
{
	__attribute__((cleanup(job_clear))) struct job j = { .in = in };
	char old[POINT_TIME_TEXT], new[POINT_TIME_TEXT];
	struct error err = ERROR_INIT;

	if (open_points(&j, &err) < 0 || compare_points(&j, &err) < 0)
		return report_error(in->report, &err);
	point_time_text(j.old->time, old);
	point_time_text(j.new->time, new);
	return report_result(in->report, json_pack("{s:s,s:{s:s,s:s},s:{s:s,s:s},s:O}", "vm", j.new->vm,
		"old", "point", j.old->id, "time", old,
		"new", "point", j.new->id, "time", new, "disks", j.disks));
}

const struct command cmd_diff = {
	.name = "diff",
	.operands = "VAULT VM@OLD VM@NEW",
	.min = 3,
	.max = 3,
	.summary = "where the disks of two recovery points differ",
	.text = "Compares two recovery points of one VM and prints a line for each range of bytes in which a "
		"disk differs: its name, offset and length. The disks are compared as they were backed up, in "
		"whole chunks, by what the vault knows of them: no data is read, and no key of a volume is "
		"needed. A disk that only one of the points has is compared with zeros.",
	.example = "  adebackup diff /backup web1@20261119T020000Z web1@latest --vault-key vault.key",
	.groups = G_VAULT,
	.vault = true,
	.run = run,
};
