/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VM was in Azure, read from its description: the config that *Restore
 * disks* leaves, a VM's model with or without instance view, a template; in
 * every form that settings.h takes.  Hostile input.  What a description does
 * not say is left open, not guessed, but for the memory of an unknown size.
 */
#ifndef ADE_FS_AZURE_VM_MODEL_H
#define ADE_FS_AZURE_VM_MODEL_H

#include "fs/azure/machine.h"
#include "fs/azure/settings.h"

enum vm_os { VM_OS_UNKNOWN, VM_OS_LINUX, VM_OS_WINDOWS };

struct vm_nic { char *id; bool primary; };

struct vm_model {
	char *name, *size, *location;	/* NULL: not said */
	enum vm_os os;
	unsigned generation;		/* 1 or 2; 0: not said */
	unsigned cpus;			/* as the size's name says; 0: it says nothing */
	uint64_t memory_mib;		/* 0: the size says nothing */
	bool size_known;		/* memory_mib is that size's; else 4 GiB a CPU */
	bool secure_boot, vtpm, confidential;
	struct vm_nic *nic;
	size_t n_nics;
	struct azure_settings *settings;	/* disks and keys; NULL: none are named */
};

/* doc is borrowed; NULL: nothing is known.  NULL: ENOMEM. */
struct vm_model *vm_model_new(const struct jval *doc, struct error *err);
void vm_model_free(struct vm_model *v);

/* OS, generation, CPUs and memory of m, where v says something. */
void vm_model_apply(const struct vm_model *v, struct machine *m);

/* CPUs and memory of a size such as Standard_D4s_v3, by Azure's tables of
 * sizes.  False: of no family that is known; *cpus is then the number in the
 * name, or 0, and *memory_mib 4 GiB for each. */
bool vm_size_look(const char *size, unsigned *cpus, uint64_t *memory_mib);

DEFINE_CLEANUP(struct vm_model *, vm_model_free);

#endif
