/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's description, and all that rebuild/ writes of it. */
#include "fs/azure/rebuild.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO(jval_free) struct jval *doc = azure_json_parse(data, len, NULL);
	AUTO(vm_model_free) struct vm_model *vm = vm_model_new(doc, NULL);
	struct rebuild r = { .vm = vm, .images = "/mnt/x", .os = MACHINE_LINUX, .bootable = true, .n_disks = 2 };

	if (!vm)
		return 0;
	snprintf(r.title, sizeof(r.title), "%s", vm->name ? vm->name : "");
	snprintf(r.disk[1].folder, sizeof(r.disk[1].folder), "%s", vm->size ? vm->size : "lun0");
	r.disk[1].role = MACHINE_DATA_DISK;
	r.generation = vm->generation == 2 ? MACHINE_GEN2 : MACHINE_GEN1;
	r.os = vm->os == VM_OS_WINDOWS ? MACHINE_WINDOWS : MACHINE_LINUX;
	r.encrypted = vm->secure_boot || vm->settings;
	for (int i = 0; i < REBUILD_N_FILES; i++)
		free(rebuild_text(&r, i, NULL));
	return 0;
}
