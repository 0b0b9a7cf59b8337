/* SPDX-License-Identifier: Apache-2.0 */
/* A vault with many points, for what works on lists and refs: a backup each would take hours. */
#ifndef ADE_TESTS_LIB_PLANTPOINTS_H
#define ADE_TESTS_LIB_PLANTPOINTS_H

#include "fs/vault/vault.h"

/* So many points, spread over so many VMs (vm000, vm001, …), one a day up to now, each with refs to segments that
 * its VM's points share and to one of its own.  Their disks are all zeros.  0, or negative with words. */
int plant_points(struct vault *v, unsigned vms, unsigned points, int64_t now, struct error *err);

#endif
