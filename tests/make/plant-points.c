/* SPDX-License-Identifier: Apache-2.0 */
/* A vault with many points:  plant-points VAULT KEYFILE VMS POINTS  (tests/lib/plantpoints.h) */
#include "tests/lib/plantpoints.h"

#include <stdio.h>
#include <time.h>

int main(int argc, char **argv)
{
	AUTO(secret_free) struct secret *key = NULL;
	AUTO(vault_free) struct vault *v = NULL;
	struct error err = ERROR_INIT;
	struct slot_secret s = { .kind = SLOT_KEY_FILE };
	unsigned vms;
	int rc;

	if (argc != 5)
		return 2;
	vms = (unsigned)strtoul(argv[3], NULL, 10);
	rc = slot_key_file_read(argv[2], &key, &err);
	s.bytes = key;
	if (rc == 0)
		v = vault_open(store_open(argv[1], false, &err), &s, &err);
	rc = v ? 0 : -1;
	if (rc == 0 && vms)
		rc = plant_points(v, vms, (unsigned)strtoul(argv[4], NULL, 10), time(NULL), &err);
	if (rc < 0)
		fprintf(stderr, "plant-points: %s\n", err.text);
	return rc < 0;
}
