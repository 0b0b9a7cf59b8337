/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"
#include "fs/policy/repair.h"
#include "fs/util/log.h"
#include "fs/vault/verify.h"
#include "tools/adebackup/command.h"
#include "tools/lib/jobs.h"
#include "tools/lib/point_opening.h"
#include "tools/lib/progress.h"
#include "tools/lib/store_opening.h"
#include "tools/lib/state_dir.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define FAULTS_MAX 10000u		/* told one by one */
#define PATH_BYTES 4096

struct job {
	const struct invocation *in;
	struct store *store;		/* --no-key alone: else the vault's */
	struct vault *vault;
	struct point_name *points;
	struct progress progress;
	struct job_run *run;
	json_t *faults;
	unsigned damaged, unreachable;
	struct repair *repair;		/* NULL: not asked for */
	struct repair_result repaired;
	char state[PATH_BYTES];		/* where a verify with a limit was */
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static void job_clear(struct job *j)
{
	json_decref(j->faults);
	repair_free(j->repair);
	free(j->points);
	vault_free(j->vault);
	store_free(j->store);
}

static void print_fault(const struct verify_fault *f)
{
	if (f->disk[0] && f->len)
		printf("%s@%s, disk %s, bytes %llu to %llu: %s (%s)\n", f->vm, f->point_id, f->disk,
		       (unsigned long long)f->off, (unsigned long long)(f->off + f->len - 1), f->text, f->object);
	else if (f->point[0])
		printf("%s: %s; needed by %s%s%s\n", f->object, f->text, f->point, f->disk[0] ? ", disk " : "",
		       f->disk);
	else
		printf("%s: %s\n", f->object, f->text);
}

static void fault(void *arg, const struct verify_fault *f)
{
	struct job *j = arg;

	if (f->code == EBADMSG || f->code == ENOENT || f->code == ENOTSUP)
		j->damaged++;
	else
		j->unreachable++;
	if (j->repair && repair_note(j->repair, f) < 0)
		log_warning("no memory to repair %s", f->object);
	if (json_array_size(j->faults) >= FAULTS_MAX)
		return;
	json_array_append_new(j->faults, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:s}", "object", f->object,
		"text", f->text, "needed_by", f->point, "vm", f->vm, "point", f->point_id, "disk", f->disk,
		"offset", (json_int_t)f->off, "length", (json_int_t)f->len, "kind",
		f->code == ENOENT ? "missing" : f->code == EBADMSG ? "damaged" : "unreadable"));
	if (!j->in->report->json)
		print_fault(f);
}

static int tell(void *arg, uint64_t done, uint64_t total)
{
	struct job *j = arg;

	if (total)
		progress_tell(&j->progress, done, total, UINT64_MAX);
	return interrupted ? -EINTR : job_run_progress(j->run, done, total, 0);
}

/* VM: all of its points; VM@POINT: that one. */
static int choose_points(struct job *j, struct verify *q, struct error *err)
{
	const char *text = j->in->n_operands > 1 ? j->in->operands[1] : NULL;
	char vm[128], vm_id[VM_ID_TEXT];
	const char *which;
	int rc;

	if (!text)
		return 0;
	if (!j->vault)
		return error_set(err, EINVAL, "--no-key checks the whole vault: names of VMs are sealed");
	which = point_operand_split(text, vm, sizeof(vm));
	if (!which)
		return error_set(err, EINVAL, "'%.80s' names no VM", text);
	if (strchr(text, '@')) {
		j->points = calloc(1, sizeof(*j->points));
		if (!j->points)
			return error_set(err, ENOMEM, "out of memory");
		rc = point_find(j->vault, vm, which, j->points, err);
		q->n_points = 1;
	} else {
		rc = vault_vm_id(j->vault, vm, vm_id);
		rc = rc < 0 ? error_set(err, -rc, "the VM's id cannot be derived")
			    : point_list(j->vault, vm_id, &j->points, &q->n_points, err);
		if (rc == 0 && !q->n_points)
			rc = error_set(err, ENOENT, "the vault has no recovery point of a VM '%s'", vm);
	}
	q->points = j->points;
	return rc;
}

/* "5%", "5", "0.5%" */
static int parse_sample(const char *text, double *part, struct error *err)
{
	char *end;
	double percent = strtod(text, &end);

	if (end == text || (*end && strcmp(end, "%")) || !(percent > 0 && percent <= 100)) {
		error_set(err, EINVAL, "'%.20s' is no part of the data", text);
		error_next(err, "Write it as 5%%.");
		return -EINVAL;
	}
	*part = percent / 100;
	return 0;
}

/* Empty: nowhere. */
static void find_state(struct job *j)
{
	char id[2 * VAULT_ID_BYTES + 1] = "no-key", folder[PATH_BYTES - 64];

	if (j->vault)
		hex_encode(vault_info(j->vault)->id, VAULT_ID_BYTES, id);
	if (state_dir(folder, sizeof(folder)) == 0)
		snprintf(j->state, sizeof(j->state), "%s/verify-%s", folder, id);
}

static void read_state(const struct job *j, struct verify *q)
{
	char text[2 * SEGMENT_ID_BYTES + 1] = "";
	AUTO(fd) int fd = open(j->state, O_RDONLY | O_CLOEXEC);
	uint8_t id[SEGMENT_ID_BYTES];

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1 &&
	    hex_decode(text, id, sizeof(id)) == 0)
		memcpy(q->resume, id, sizeof(id));
}

static int write_state(const struct job *j, const struct verify_result *r, struct error *err)
{
	char text[2 * SEGMENT_ID_BYTES + 1], temp[PATH_BYTES + 8];
	int fd, rc = 0;

	if (r->complete) {
		unlink(j->state);
		return 0;
	}
	snprintf(temp, sizeof(temp), "%s.new", j->state);
	hex_encode(r->last, SEGMENT_ID_BYTES, text);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		rc = -errno;
	if (fd >= 0)
		close(fd);
	if (rc == 0 && rename(temp, j->state) < 0)
		rc = -errno;
	return rc < 0 ? error_set(err, -rc, "cannot note where verify was in %s", j->state) : 0;
}

static json_t *result_json(const struct job *j, const struct verify_result *r)
{
	json_t *o = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:b,s:I,s:O}", "objects", (json_int_t)r->objects,
		"segments", (json_int_t)r->segments, "segments_read", (json_int_t)r->segments_read, "bytes_read",
		(json_int_t)r->bytes_read, "chunks", (json_int_t)r->chunks, "points", (json_int_t)r->points,
		"complete", r->complete, "keys", j->vault != NULL, "fault_count", (json_int_t)r->faults, "faults",
		j->faults);

	if (o && j->repair)
		json_object_set_new(o, "repair", json_pack("{s:I,s:I,s:I,s:I,s:I}", "segments",
			(json_int_t)j->repaired.segments, "refs", (json_int_t)j->repaired.refs, "hidden",
			(json_int_t)j->repaired.hidden, "names", (json_int_t)j->repaired.names, "left",
			(json_int_t)j->repaired.left));
	if (o && r->faults)
		json_object_set_new(o, "error", json_pack("{s:i,s:s,s:s,s:s}", "code", j->damaged ? EXIT_DAMAGED
			: EXIT_UNREACHABLE, "object", j->in->operands[0], "text", "the vault has faults", "next",
			"What is not named here is sound; back the VM up again."));
	return o;
}

static int finish(struct job *j, const struct verify_result *r)
{
	int said;

	if (!j->in->report->json && !j->in->report->quiet)
		printf("%llu points, %llu objects, %llu segments, %llu of them read (%.1f MiB)%s: %s\n",
		       (unsigned long long)r->points, (unsigned long long)r->objects,
		       (unsigned long long)r->segments, (unsigned long long)r->segments_read,
		       (double)r->bytes_read / (1 << 20), r->complete ? "" : ", to be gone on with",
		       r->faults ? "FAULTS" : "no fault");
	if (j->repair && !j->in->report->json && !j->in->report->quiet)
		printf("repaired: %llu segments put out of the way, %llu points' refs counted anew, %llu points hidden "
		       "that cannot be read, %llu names written; %llu objects left\n",
		       (unsigned long long)j->repaired.segments, (unsigned long long)j->repaired.refs,
		       (unsigned long long)j->repaired.hidden, (unsigned long long)j->repaired.names,
		       (unsigned long long)j->repaired.left);
	said = report_result(j->in->report, result_json(j, r));
	return j->damaged ? EXIT_DAMAGED : j->unreachable ? EXIT_UNREACHABLE : said;
}

static int prepare(struct job *j, struct verify *q, struct error *err)
{
	const struct options *o = j->in->options;
	const char *sample = options_get(o, OPT_SAMPLE);

	j->faults = json_array();
	if (options_has(o, OPT_NO_KEY))
		j->store = store_from_options(j->in->operands[0], false, o, err);
	else
		j->vault = vault_from_options(j->in->operands[0], o, err);
	if (!j->faults || (!j->store && !j->vault))
		return err->code ? -err->code : -ENOMEM;
	if (options_has(o, OPT_REPAIR) && (!j->vault || j->in->n_operands > 1))
		return error_set(err, EINVAL, "--repair takes the vault's key and looks at the whole vault");
	if (options_has(o, OPT_REPAIR) && !(j->repair = repair_new()))
		return error_set(err, ENOMEM, "out of memory");
	q->v = j->vault;
	q->st = j->store ? j->store : vault_store(j->vault);
	q->structure_only = options_has(o, OPT_STRUCTURE);
	q->seconds = (unsigned)options_number(o, OPT_TIME_LIMIT, 0);
	q->threads = (unsigned)options_number(o, OPT_THREADS, 0);
	if (getrandom(&q->sample_seed, sizeof(q->sample_seed), 0) != sizeof(q->sample_seed))
		return error_set(err, EIO, "the system gives no random numbers");
	if (sample && parse_sample(sample, &q->sample, err) < 0)
		return -EINVAL;
	return choose_points(j, q, err);
}

/* Without a key there is no record. */
static int begin(struct job *j, struct error *err)
{
	struct job_want want = { .operation = JOB_VERIFY, .task = "Read the vault" };
	char vm[128] = "";

	if (!j->vault)
		return 0;
	if (j->in->n_operands > 1 && point_operand_split(j->in->operands[1], vm, sizeof(vm)))
		want.vm = vm;
	if (j->points && strchr(j->in->operands[1], '@'))
		want.point = j->points->id;
	return job_begin_for(j->vault, &want, &j->run, err);
}

/* What was found is the job's result too. */
static int end(struct job *j, int rc, struct error *err)
{
	struct error found = ERROR_INIT;

	vault_last_words(j->vault, rc < 0 || j->unreachable);
	if (rc < 0 || !(j->damaged || j->unreachable))
		return job_end_for(TAKE(j->run), j->in->options, j->in->report, rc, NULL, err);
	error_set(&found, j->damaged ? EBADMSG : EIO, "%u faults were found", j->damaged + j->unreachable);
	error_next(&found, "adebackup verify names them; what it does not name is sound. Back the VMs up again.");
	job_end_for(TAKE(j->run), j->in->options, j->in->report, -found.code, NULL, &found);
	return rc;
}

static int run(const struct invocation *in)
{
	__attribute__((cleanup(job_clear))) struct job j = { .in = in };
	struct verify q = { .sample = 1, .fault = fault, .progress = tell, .arg = &j };
	struct sigaction act = { .sa_handler = interrupt };
	struct verify_result r;
	struct error err = ERROR_INIT;
	int rc = prepare(&j, &q, &err);

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	if (rc == 0)
		rc = begin(&j, &err);
	if (rc == 0 && q.seconds) {
		find_state(&j);
		read_state(&j, &q);
	}
	if (rc == 0) {
		progress_begin(&j.progress, in->options, "verify");
		rc = verify_run(&q, &r, &err);
		progress_end(&j.progress);
	}
	if (rc == 0 && q.seconds && j.state[0] && !q.structure_only)
		rc = write_state(&j, &r, &err);
	if (rc == 0 && j.repair)
		rc = repair_run(j.repair, j.vault, &j.repaired, &err);
	rc = end(&j, rc, &err);
	return rc < 0 ? report_error(in->report, &err) : finish(&j, &r);
}

const struct command cmd_verify = {
	.name = "verify",
	.operands = "VAULT [VM[@POINT]]",
	.min = 1,
	.max = 2,
	.summary = "is all there, and is it what was stored?",
	.text = "Reads the vault, or what VM or one POINT needs of it, and checks every object against its "
		"checksum, that it opens, that maps and refs agree, and that each chunk is what its name says. "
		"Damage is told as VM, point, disk and bytes; all else stays usable. Ends with 16 when there "
		"are faults.\n\n"
		"--no-key needs no key: it finds every flipped bit, every cut and missing object, and names the "
		"points that need it.\n\n"
		"--repair puts damaged and missing segments down as not to be used, so that the next backup stores "
		"anew what the disks still have; it counts lost refs from the maps, writes lost names of VMs again, "
		"and takes points that cannot be read out of the lists. It deletes nothing that can still be read.",
	.example = "  adebackup verify /backup --vault-key vault.key\n"
		   "  adebackup verify /backup --no-key\n"
		   "  adebackup verify /backup --vault-key vault.key --time-limit 2h\n"
		   "  adebackup verify /backup --vault-key vault.key --repair",
	.groups = G_VAULT | G_VERIFY | G_LONG | G_JOB,
	.vault = true,
	.run = run,
};
