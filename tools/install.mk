# SPDX-License-Identifier: Apache-2.0
# Manual pages and completion, made from the tables in the programs; installing; the package.
MAN_IN := $(wildcard tools/man/*.in)
MAN := $(patsubst tools/man/%.in,$(B)/man/%,$(MAN_IN))
COMPLETION := $(B)/completions/adebackup
.PHONY: docs install uninstall deb
ifneq ($(filter release debug,$(MODE)),)
all: docs
endif
docs: $(MAN) $(COMPLETION)	## manual pages and completion

$(B)/man/%: tools/man/%.in $(B)/adebackup
	@mkdir -p $(@D)
	$(Q)$(B)/adebackup generate man $< >$@.tmp && mv $@.tmp $@
$(COMPLETION): $(B)/adebackup
	@mkdir -p $(@D)
	$(Q)$(B)/adebackup generate completion >$@.tmp && mv $@.tmp $@

INSTALL := install
UNIT_DIR = $(DESTDIR)$(PREFIX)/lib/systemd/system
install: all	## PREFIX=/usr DESTDIR=…; mount(8) looks for helpers in /sbin and /usr/sbin only
	$(INSTALL) -D -m 755 $(B)/adebackup $(DESTDIR)$(PREFIX)/bin/adebackup
	$(INSTALL) -D -m 755 $(B)/mount.adebackup $(DESTDIR)$(PREFIX)/sbin/mount.adebackup
	ln -sf mount.adebackup $(DESTDIR)$(PREFIX)/sbin/mount.fuse.adebackup
	for page in $(MAN); do \
		$(INSTALL) -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit 1; done
	ln -sf mount.adebackup.8 $(DESTDIR)$(PREFIX)/share/man/man8/mount.fuse.adebackup.8
	$(INSTALL) -D -m 644 $(COMPLETION) $(DESTDIR)$(PREFIX)/share/bash-completion/completions/adebackup
	$(INSTALL) -D -m 644 README.md $(DESTDIR)$(PREFIX)/share/doc/adebackup/README.md
	$(INSTALL) -D -m 644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/adebackup/copyright
	$(INSTALL) -d $(UNIT_DIR)
	sed 's|@BINDIR@|$(PREFIX)/bin|' tools/systemd/adebackup-run@.service.in >$(UNIT_DIR)/adebackup-run@.service
	chmod 644 $(UNIT_DIR)/adebackup-run@.service
	$(INSTALL) -m 644 tools/systemd/adebackup-run@.timer $(UNIT_DIR)/
	$(if $(INSTALL_MORE),$(INSTALL_MORE))
uninstall:	## what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/adebackup $(DESTDIR)$(PREFIX)/sbin/mount.adebackup \
		$(DESTDIR)$(PREFIX)/sbin/mount.fuse.adebackup \
		$(foreach page,$(MAN),$(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
		$(DESTDIR)$(PREFIX)/share/man/man8/mount.fuse.adebackup.8 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/adebackup \
		$(UNIT_DIR)/adebackup-run@.service $(UNIT_DIR)/adebackup-run@.timer
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/adebackup

DEB_ARCH = $(shell dpkg --print-architecture)
DEB = $(B)/adebackup_$(VERSION)_$(DEB_ARCH).deb
deb:	## build/release/adebackup_VERSION_ARCH.deb
	$(Q)$(MAKE) --no-print-directory MODE=release all
	$(Q)tools/dev/make-deb $(B) $(VERSION) $(DEB_ARCH)
	@echo $(DEB)
