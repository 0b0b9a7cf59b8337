#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A second reader of vaults, written from fs/vault/FORMAT.md alone: small, slow, strict.

	vaultreader.py VAULT KEY list			recovery points, as JSON
	vaultreader.py VAULT KEY restore VM POINT DISK OUT [DISK OUT]...
	vaultreader.py VAULT KEY keys VM POINT [PEM]	the keys of its disks, as JSON; PEM: a KEK's private key
	vaultreader.py VAULT KEY check			all that can be checked with a key
	vaultreader.py VAULT check --no-key		all that can be checked without

KEY is --vault-key FILE, --vault-passphrase-file FILE or --vault-rsa-key PEM (the private key).
It shares no line with the program, so that an error in one is not in the other.  Exit code 0:
all is right; 1: damage, told on standard error; 2: asked wrongly.
"""
import hashlib
import json
import struct
import sys
import time

import zstandard

sys.dont_write_bytecode = True
from vaultobjects import (MIB, ZERO, RAW, ZSTD, PATCH, PAGE_SIZE, NO_NAME, Damage, need, le16, le32,
	le64, sized, hkdf, mac, gcm_open, unhex, decimal, unpack_frame, parse_json, Store, Object, Opener,
	parse_slot, open_ring)
from vaultcapsule import check_vouchers, load_private, open_capsule


# ---- segments

class Segment:
	def __init__(self, name, data, vault_id):
		need(len(data) >= 128 + 16, name + ": too short")
		magic, version, self.epoch, self.cls = struct.unpack_from("<8sHHB", data)
		need(magic == b"ADEBKSEG" and version == 1, name + ": no segment of version 1")
		need(hashlib.sha256(data[:-32]).digest() == data[-32:], name + ": SHA-256 differs")
		self.id = data[16:40]
		session, group, segment = name.split("/")[1:]
		number = struct.unpack_from("<I", self.id, 12)[0]
		need(self.id.hex() == segment and session == segment[:24], name + ": id is not that of the name")
		need(int(group) == number // 1024, name + ": in the wrong folder")
		need(data[40:56] == vault_id, name + ": of another vault")
		need(self.cls in (1, 2) and data[13:16] == bytes(3) and data[56:64] == bytes(8), name + ": header")
		end, self.t, size, self.rows, zeros = struct.unpack_from("<8sIII12s", data, len(data) - 64)
		need(end == b"ADEBKEND" and zeros == bytes(12) and self.rows <= 8192, name + ": trailer")
		need(size == 48 * self.rows + 16 and self.t + size == len(data) - 64 and self.t >= 64, name + ": table")
		self.name, self.data, self.key = name, data, None

	def open(self, ring, number, kind, names, size, offset, length):
		"""What is sealed at [offset, offset + length)."""
		what = "%s: chunk %d" % (self.name, number)
		need(64 <= offset and length >= 16 and offset + length <= len(self.data) - 64, what + ": place")
		aad = b"adebackup 1" + bytes([self.cls, kind]) + le32(number) + self.id + names + le32(size)
		self.key = self.key or hkdf(ring.key(self.epoch, "seal"), self.id, b"adebackup 1 segment")
		return gcm_open(self.key, le32(number) + bytes(8), aad, self.data[offset:offset + length], what)

	def table(self, ring):
		"""Rows as (name, base name, offset, length, size, kind), checked to lie without gaps."""
		text = self.open(ring, 0xffffffff, 0xff, bytes(32), self.rows, self.t, 48 * self.rows + 16)
		rows, at = [], 64
		for row in struct.iter_unpack("<16s16sIIIB3s", text):
			need(row[2] == at and row[6] == bytes(3), self.name + ": a gap between chunks")
			need(row[5] in (RAW, ZSTD, PATCH) and (self.cls == 1 or row[5] == ZSTD), self.name + ": kind")
			need(row[5] == PATCH or row[1] == NO_NAME, self.name + ": a base but no patch")
			at += row[3]
			rows.append(row[:6])
		need(at == self.t, self.name + ": a gap before the table")
		return rows


class Location:
	"""Where a chunk or page is."""

	def __init__(self, name, segment, epoch, offset, length, number, kind, base=None):
		self.name, self.segment, self.epoch, self.kind, self.base = name, segment, epoch, kind, base
		self.offset, self.length, self.number = offset, length, number

	def row(self):
		"""As in `opening`."""
		return (self.name + self.segment + le16(self.epoch) + le32(self.offset) + le32(self.length)
			+ le32(self.number) + bytes([self.kind]) + (self.base.name if self.base else NO_NAME))


# ---- vault

class Vault:
	def __init__(self, path, opener):
		self.store, self.segments, self.tables, self.chunks = Store(path), {}, {}, {}
		self.text = parse_json(Object("vault", self.store.get("vault")).text(), "vault")
		self.id = unhex(self.text["id"], 16, "vault")
		chunk_size = decimal(self.text["chunk_size"], 4 * MIB, "vault: chunk_size")
		need(chunk_size >= 16384 and chunk_size & (chunk_size - 1) == 0, "vault: chunk_size")
		if opener:
			self.ring = open_ring(self.store, self.id, opener)
			self.check_mac(chunk_size)

	def check_mac(self, chunk_size):
		t = self.text
		put = t["conditional_put"]
		capsule = ["sealed", "wrapped", "none"].index(t["capsule"])
		data = (b"adebackup 1 vault" + self.id + le32(chunk_size) + bytes([capsule, put is True])
			+ le64(decimal(t["created"], 1 << 63, "vault")) + sized(t["name"].encode())
			+ sized(t["subscription"].encode()) + sized(t["region"].encode()))
		need(mac(self.ring.key(1, "vault"), data) == unhex(t["mac"], 32, "vault"), "vault: mac differs")

	def segment(self, segment_id):
		if segment_id not in self.segments:
			if len(self.segments) > 16:
				self.segments.clear()
			group = struct.unpack_from("<I", segment_id, 12)[0] // 1024
			name = "seg/%s/%d/%s" % (segment_id[:12].hex(), group, segment_id.hex())
			self.segments[segment_id] = Segment(name, self.store.get(name), self.id)
		return self.segments[segment_id]

	def table(self, segment_id):
		if segment_id not in self.tables:
			self.tables[segment_id] = self.segment(segment_id).table(self.ring)
		return self.tables[segment_id]

	def payload(self, place, cls, size):
		"""The opened payload of a chunk or page; the segment's table must say the same of it."""
		segment, rows = self.segment(place.segment), self.table(place.segment)
		base = place.base.name if place.base else NO_NAME
		need(segment.cls == cls and segment.epoch == place.epoch, segment.name + ": class or epoch")
		row = (place.name, base, place.offset, place.length, size, place.kind)
		need(place.number < len(rows) and rows[place.number] == row, segment.name + ": table and map differ")
		return segment.open(self.ring, place.number, place.kind, place.name + base, size, place.offset, place.length)

	def chunk(self, place, size, vm_id):
		"""The chunk, checked by its name; those that several points have are unpacked once."""
		at = (place.row(), place.base and place.base.row(), size, vm_id)
		if at not in self.chunks:
			if len(self.chunks) * size > 256 * MIB:
				self.chunks.clear()
			self.chunks[at] = self.read_chunk(place, size, vm_id)
		return self.chunks[at]

	def read_chunk(self, place, size, vm_id):
		data, what = self.payload(place, 1, size), "chunk " + place.name.hex()
		if place.kind != RAW:
			need(zstandard.get_frame_parameters(data).window_size <= 8 * MIB, what + ": window")
			base = self.chunk(place.base, size, vm_id) if place.kind == PATCH else None
			data = unpack_frame(data, size, what, base)
		need(len(data) == size, what + ": size")
		need(mac(self.ring.key(1, "name " + vm_id), data)[:16] == place.name, what + ": its name differs")
		return data

	def manifests(self):
		"""Recovery points that are listed, as Manifest, in the order of their names."""
		names = sorted(self.store.names())
		leaving = {n[4:] for n in names if n.startswith("exp/")}
		points = {}
		for name in names:
			if name.startswith("pt/") and name.split("/")[3] not in leaving:
				stored = self.store.get(name)
				item = Object(name, stored)
				need((item.type == 4) == (len(stored) <= 256), name + ": length of a tombstone")
				text = item.text(self.ring)
				if item.type == 3:
					point = Manifest(self, name, stored, parse_json(text, name))
					other = points.setdefault(name.rsplit("/", 1)[0], point)
					if (point.rewritten, point.session) > (other.rewritten, other.session):
						points[name.rsplit("/", 1)[0]] = point
		return list(points.values())


class Manifest:
	def __init__(self, vault, name, stored, text):
		self.vault, self.name, self.text = vault, name, text
		self.sha256 = hashlib.sha256(stored).hexdigest()
		self.vm_id, when, self.session = name.split("/")[1:]
		decimal(text["store_time"], 1 << 63, name)
		self.rewritten = decimal(text.get("rewritten", "0"), 1 << 63, name)
		stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(decimal(text["time"], 1 << 40, name)))
		need(when == stamp + "-" + text["id"], name + ": time or id is not that of the name")
		need((text["vm_id"], text["session"]) == (self.vm_id, self.session), name + ": vm or session")
		need(mac(vault.ring.key(1, "list"), text["vm"].encode())[:8].hex() == self.vm_id, name + ": vm id")
		disks = [d["name"] for d in text["disks"]]
		need(1 <= len(disks) <= 256 and len(set(disks)) == len(disks), name + ": disks")

	def check_refs(self, counted):
		name = "ref/" + self.session
		stored = self.vault.store.get(name)
		need(hashlib.sha256(stored).hexdigest() == self.text["refs_sha256"], name + ": not what the manifest vouches for")
		rows = {row[0]: list(row[1:]) for row in struct.iter_unpack("<24sII", Object(name, stored).text())}
		need(rows == counted, "%s: refs and maps differ: %s" % (name, [
			(s.hex(), rows.get(s), counted.get(s)) for s in rows.keys() | counted.keys() if rows.get(s) != counted.get(s)]))

	def check_previous(self, by_name):
		other = by_name.get(self.text["previous"])
		need(not other or other.sha256 == self.text["previous_sha256"], self.name + ": previous_sha256")


class Disk:
	def __init__(self, manifest, text):
		self.manifest, self.vault, self.text = manifest, manifest.vault, text
		self.what = "%s: %s" % (manifest.name, text["name"])
		self.size = decimal(text["size"], 1 << 62, self.what)
		self.chunk_size = decimal(text["chunk_size"], 4 * MIB, self.what)
		need(self.chunk_size >= 16384 and self.chunk_size & (self.chunk_size - 1) == 0, self.what + ": chunk_size")
		self.chunks = -(-self.size // self.chunk_size)
		self.levels = decimal(text["levels"], 5, self.what)
		least = next(n for n in range(1, 6) if 1024 ** n >= self.chunks)
		need(self.levels == least, self.what + ": levels")
		self.refs = []		# Locations: pages, chunks and bases, as often as referred to

	def top(self):
		t = self.text.get("top")
		if t is None:
			return None
		number = lambda member, most: decimal(t[member], most, self.what + ": top")
		return Location(unhex(t["name"], 16, self.what), unhex(t["segment"], 24, self.what), number("epoch", 1000),
			number("offset", 1 << 32), number("length", 1 << 32), number("number", 8191), ZSTD)

	def entries(self):
		"""(chunk number, Location) of all chunks that are not zeros."""
		top = self.top()
		return self.page(top, self.levels - 1, 0) if top else iter(())

	def page(self, place, level, first):
		self.refs.append(place)
		what = "%s: page of level %d at chunk %d" % (self.what, level, first)
		data = unpack_frame(self.vault.payload(place, 2, PAGE_SIZE), PAGE_SIZE, what)
		need(mac(self.vault.ring.key(1, "page"), data)[:16] == place.name, what + ": its name differs")
		magic, version, lvl, n, segments, bases, size, zeros, start = struct.unpack_from("<4sBBHHHI8sQ", data)
		need(magic == b"ADPG" and version == 1 and zeros == bytes(8), what + ": header")
		need((lvl, size, start) == (level, self.chunk_size, first), what + ": of another place")
		need(n <= 1024 and segments <= 2048 and bases <= 1024, what + ": counts")
		need(len(data) == 32 * (1 + n + segments + bases), what + ": length")
		rows = [data[i:i + 32] for i in range(32, len(data), 32)]
		segments, bases = rows[n:n + segments], rows[n + segments:]
		need(all(s[26:] == bytes(6) for s in segments), what + ": segments")
		bases = [self.location(b, segments, None, what, b[28]) for b in bases]
		need(all(b.kind in (RAW, ZSTD) for b in bases), what + ": kind of a base")
		for i, row in enumerate(rows[:n]):
			if row[30] == ZERO:
				continue
			at = first + i * 1024 ** level
			need(at < self.chunks, what + ": an entry behind the disk")
			entry = self.location(row, segments, bases, what, row[30])
			if level == 0:
				yield at, entry
			else:
				need(entry.kind == ZSTD, what + ": kind of a page")
				yield from self.page(entry, level - 1, at)

	def location(self, row, segments, bases, what, kind):
		name, offset, length, segment, number, base = struct.unpack_from("<16sIIHHH", row)
		need(segment < len(segments) and kind <= PATCH, what + ": an entry's segment or kind")
		if bases is not None:
			need(row[31] == 0 and (kind == PATCH or base == 0xffff), what + ": an entry's base")
			need(kind != PATCH or base < len(bases), what + ": an entry's base")
		segment_id, epoch = segments[segment][:24], struct.unpack_from("<H", segments[segment], 24)[0]
		return Location(name, segment_id, epoch, offset, length, number, kind, bases[base] if kind == PATCH else None)

	def contents(self):
		"""(chunk number, bytes) of all chunks that are not zeros."""
		for number, place in self.entries():
			self.refs += [place] + ([place.base] if place.base else [])
			yield number, self.vault.chunk(place, self.chunk_size, self.manifest.vm_id)

	def restore(self, out):
		with open(out, "wb") as f:
			f.truncate(self.size)
			for number, data in self.contents():
				f.seek(number * self.chunk_size)
				f.write(data[:self.size - number * self.chunk_size])

	def check(self):
		"""Reads all chunks; returns how many were of each kind."""
		kinds = [0, 0, 0, 0]
		for number, data in self.contents():
			behind = data[max(0, self.size - number * self.chunk_size):]
			need(not any(behind), self.what + ": no zeros behind the end")
			need(any(data), self.what + ": zeros are stored")
		places = dict(self.entries_again())
		for place in places.values():
			kinds[place.kind] += 1
		self.check_opening(places)
		return kinds

	def entries_again(self):
		"""The entries, without counting the references anew."""
		return Disk(self.manifest, self.text).entries()

	def check_opening(self, places):
		last, rows = -1, self.text.get("opening", [])
		need(len(rows) <= 2048, self.what + ": opening")
		for row in (unhex(r, 150, self.what + ": opening") for r in rows):
			number = struct.unpack_from("<Q", row)[0]
			need(number > last and number in places, "%s: opening: chunk %d" % (self.what, number))
			place, last = places[number], number
			base = place.base.row() if place.base else bytes(71)
			need(row[8:] == place.row() + base, "%s: opening and map differ at chunk %d" % (self.what, number))


# ---- commands

def list_points(vault):
	return [{"vm": m.text["vm"], "point": m.text["id"], "time": m.text["time"], "number": m.text["number"],
		"disks": {d["name"]: d["size"] for d in m.text["disks"]}} for m in vault.manifests()]


def restore(vault, vm, point, outs):
	for m in vault.manifests():
		if (m.text["vm"], m.text["id"]) == (vm, point):
			disks = {d["name"]: d for d in m.text["disks"]}
			for name, out in outs:
				need(name in disks, "no disk " + name)
				Disk(m, disks[name]).restore(out)
			return
	raise Damage("no such point")


def keys_of(vault, vm, point, private):
	for m in vault.manifests():
		if (m.text["vm"], m.text["id"]) == (vm, point):
			keys = open_capsule(vault.ring, point, m.text["capsule"], private) if "capsule" in m.text else []
			return [dict(k, bytes=k["bytes"].hex() if k["bytes"] is not None else None) for k in keys]
	raise Damage("no such point")


def check_without_key(vault):
	store, seen = vault.store, 0
	names = set(store.names())
	segments = {n.rsplit("/", 1)[1] for n in names if n.startswith("seg/")}
	for name in sorted(names):
		seen += 1
		if name.startswith("seg/"):
			Segment(name, store.get(name), vault.id)
			continue
		item = Object(name, store.get(name))
		if item.type == 2:
			parse_slot(name, parse_json(item.text(), name), vault.id)
		elif item.type == 3:
			need("ref/" + item.name.rsplit("/", 1)[1] in names, name + ": its refs are missing")
		elif item.type == 13:
			text = item.text()
			need(len(text) % 32 == 0, name + ": length")
			rows = list(struct.iter_unpack("<24sII", text))
			need(all(a[0] < b[0] for a, b in zip(rows, rows[1:])), name + ": not ascending")
			need(all(r[1] for r in rows), name + ": a count of 0")
			gone = [r[0].hex() for r in rows if r[0].hex() not in segments]
			need(not gone, "%s: missing segments: %s" % (name, gone))
	return {"objects": seen}


def check_point(manifest):
	counted, kinds = {}, [0, 0, 0, 0]
	for text in manifest.text["disks"]:
		disk = Disk(manifest, text)
		kinds = [a + b for a, b in zip(kinds, disk.check())]
		for place in disk.refs:
			row = counted.setdefault(place.segment, [0, 0])
			row[0] = min(row[0] + 1, 0xffffffff)
			row[1] = min(row[1] + place.length, 0xffffffff)
	manifest.check_refs(counted)
	return kinds


def check(vault):
	result = check_without_key(vault)
	for name in vault.store.names():
		if name.startswith("seg/"):
			vault.table(bytes.fromhex(name.rsplit("/", 1)[1]))
		else:
			item = Object(name, vault.store.get(name))
			text = item.text(vault.ring)
			if item.type == 10:
				vm = parse_json(text, name)["name"].encode()
				need(name == "vm/%s.0" % mac(vault.ring.key(1, "list"), vm)[:8].hex(), name + ": id of the name")
	manifests = vault.manifests()
	by_name, kinds = {m.name: m for m in manifests}, [0, 0, 0, 0]
	for m in manifests:
		m.check_previous(by_name)
		kinds = [a + b for a, b in zip(kinds, check_point(m))]
	kept, marked = check_vouchers(vault)
	result.update(public_keys=kept, for_capsules=marked, points=len(manifests), raw=kinds[RAW], zstd=kinds[ZSTD], patch=kinds[PATCH])
	return result


def main(args):
	options = {"--vault-key": "key-file", "--vault-passphrase-file": "passphrase", "--vault-rsa-key": "rsa"}
	try:
		if args[1:] == ["check", "--no-key"]:
			print(json.dumps(check_without_key(Vault(args[0], None))))
			return 0
		if len(args) < 4 or args[1] not in options:
			print(__doc__, file=sys.stderr)
			return 2
		opener = Opener(options[args[1]], args[2])
		vault, command = Vault(args[0], opener), args[3:]
		if command == ["list"]:
			print(json.dumps(list_points(vault)))
		elif command == ["check"]:
			print(json.dumps(check(vault)))
		elif command[0] == "keys" and len(command) in (3, 4):
			private = load_private(command[3]) if command[3:] else opener.secret if opener.kind == "rsa" else None
			print(json.dumps(keys_of(vault, command[1], command[2], private)))
		elif command[0] == "restore" and len(command) >= 5 and len(command) % 2:
			restore(vault, command[1], command[2], list(zip(command[3::2], command[4::2])))
		else:
			print(__doc__, file=sys.stderr)
			return 2
	except (Damage, KeyError, TypeError, ValueError, struct.error) as e:
		print("vaultreader: %s: %s" % (type(e).__name__, e), file=sys.stderr)
		return 1
	return 0


if __name__ == "__main__":
	sys.exit(main(sys.argv[1:]))
