# SPDX-License-Identifier: Apache-2.0
"""The second reader's lower half, from FORMAT.md alone: the store, sealed objects, keys and slots."""
import ctypes
import hashlib
import hmac
import json
import os
import re
import struct

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MIB = 1 << 20
ZERO, RAW, ZSTD, PATCH = range(4)
PAGE_SIZE = 131104
NO_NAME = bytes(16)


class Damage(Exception):
	pass


def need(condition, words):
	if not condition:
		raise Damage(words)


def le16(x):
	return struct.pack("<H", x)


def le32(x):
	return struct.pack("<I", x)


def le64(x):
	return struct.pack("<Q", x)


def sized(data):
	return le32(len(data)) + data


def hkdf(key, salt, info):
	return HKDF(hashes.SHA256(), 32, salt, info).derive(key)


def mac(key, data):
	return hmac.new(key, data, hashlib.sha256).digest()


def gcm_open(key, nonce, aad, data, what):
	try:
		return AESGCM(key).decrypt(nonce, data, aad)
	except (InvalidTag, ValueError):
		raise Damage(what + ": does not open under its key and place") from None


def unhex(text, size, what):
	need(isinstance(text, str) and re.fullmatch("([0-9a-f]{2})*", text), what + ": no hex digits")
	need(size is None or len(text) == 2 * size, what + ": wrong length")
	return bytes.fromhex(text)


def decimal(text, most, what):
	need(isinstance(text, str) and re.fullmatch("0|[1-9][0-9]{0,19}", text), what + ": not a number")
	need(int(text) <= most, what + ": too large")
	return int(text)


def unpack_frame(data, most, what, base=None):
	"""One zstd frame, nothing behind it, its content size in the header."""
	try:
		head = zstandard.get_frame_parameters(data)
		need(head.content_size <= most, what + ": content size missing or too large")
		prefix = base and zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
		z = zstandard.ZstdDecompressor(dict_data=prefix or None, max_window_size=64 * MIB).decompressobj()
		content = z.decompress(data)
	except zstandard.ZstdError as e:
		raise Damage("%s: %s" % (what, e)) from None
	need(len(content) == head.content_size and not z.unused_data, what + ": not one whole frame")
	return content


def parse_json(data, what):
	def members(pairs):
		need(len(dict(pairs)) == len(pairs), what + ": a member twice")
		return dict(pairs)
	try:
		text = json.loads(data.decode("utf-8"), object_pairs_hook=members)
	except ValueError:
		raise Damage(what + ": not JSON") from None
	need(isinstance(text, dict), what + ": not an object")
	return text


VM, SESSION, SEGMENT = "[0-9a-f]{16}", "[0-9a-f]{24}", "[0-9a-f]{48}"
NUMBER = "(0|[1-9][0-9]*)"
NAMES = [	# type, name; None: a segment
	((1,), "vault"), ((2,), r"slot/[0-9a-f]{32}(\.[1-9][0-9]*)?"),
	((3, 4), r"pt/%s/[0-9]{8}T[0-9]{6}Z-%s/%s" % (VM, VM, SESSION)), ((13,), "ref/" + SESSION),
	(None, "seg/%s/%s/%s" % (SESSION, NUMBER, SEGMENT)),
	((5,), r"ses/%s\.%s" % (SESSION, NUMBER)), ((6,), r"rd/%s\.%s" % (SESSION, NUMBER)),
	((7,), "exp/" + SESSION), ((8,), "cond/[^./]+"), ((9,), r"cond/[^./]+\.claim"),
	((10,), r"vm/%s\.0" % VM), ((11,), "log/.*"), ((12,), "trace/.*"),
	((14,), r"hold/%s-%s\.%s" % (VM, VM, NUMBER)), ((15,), "bad/[^/]+"),
	((16,), r"item/%s\.%s" % (VM, NUMBER)), ((17,), r"policy/%s\.%s" % (VM, NUMBER)), ((18,), "batch/" + SESSION),
	((19,), r"job/%s-%s\.(cancel|end|%s)" % (VM, NUMBER, NUMBER))]


def types_of(name):
	"""The types that an object of this name may have, None for a segment, () if it is passed over."""
	for types, pattern in NAMES:
		if re.fullmatch(pattern, name):
			return types
	return ()


class Store:
	def __init__(self, root):
		self.root = root

	def names(self):
		for folder, folders, files in os.walk(self.root):
			if folder == self.root and "tmp" in folders:
				folders.remove("tmp")
			for file in files:
				name = os.path.relpath(os.path.join(folder, file), self.root)
				if types_of(name) != ():
					yield name

	def get(self, name):
		try:
			with open(os.path.join(self.root, name), "rb") as f:
				data = f.read(64 * MIB + 1)
		except FileNotFoundError:
			raise Damage(name + ": missing") from None
		need(len(data) <= 64 * MIB, name + ": too long")
		return data


class Object:
	"""Header and trailer of a stored object; what needs no key is checked here."""

	def __init__(self, name, data):
		need(len(data) >= 96, name + ": too short")
		magic, version, self.type, self.epoch, flags = struct.unpack_from("<8sHHHH", data)
		need(magic == b"ADEBKOBJ" and version == 1, name + ": no object of version 1")
		need(self.type in types_of(name), name + ": type %d is not for this name" % self.type)
		need(hashlib.sha256(data[:-32]).digest() == data[-32:], name + ": SHA-256 differs")
		need(struct.unpack_from("<QQ", data, 48) == (len(data) - 96, 0), name + ": length or zeros")
		self.clear = self.type in (1, 2, 13)
		need(flags == self.clear and (self.epoch == 0) == self.clear, name + ": clear or sealed?")
		self.name, self.head, self.salt, self.body = name, data[:64], data[16:48], data[64:-32]
		need(not self.clear or self.salt == bytes(32), name + ": salt of a clear object")

	def text(self, ring=None):
		body = self.body
		if not self.clear:
			key = hkdf(ring.key(self.epoch, "seal"), self.salt, b"adebackup 1 object" + le16(self.type))
			body = gcm_open(key, bytes(12), self.head + self.name.encode(), body, self.name)
		return unpack_frame(body, 64 * MIB, self.name)


class Ring:
	def __init__(self, keys, vault_id):
		self.keys, self.vault_id, self.known = keys, vault_id, {}

	def key(self, epoch, use):
		need(1 <= epoch <= len(self.keys), "no key of epoch %d" % epoch)
		if (epoch, use) not in self.known:
			info = b"adebackup 1 " + use.encode()
			self.known[epoch, use] = hkdf(self.keys[epoch - 1], self.vault_id, info)
		return self.known[epoch, use]


# ---- slots

def argon2id(passphrase, salt, passes, memory, lanes):
	out = ctypes.create_string_buffer(32)
	library = ctypes.CDLL("libargon2.so.1")		# hashes with version 0x13
	status = library.argon2id_hash_raw(passes, memory, lanes, passphrase, ctypes.c_size_t(len(passphrase)),
		salt, ctypes.c_size_t(len(salt)), out, ctypes.c_size_t(32))
	need(status == 0, "Argon2id: error %d" % status)
	return out.raw


def key_file(path):
	lines = [x.strip() for x in open(path, encoding="ascii").read().split("\n")]
	if lines[0] == "adebackup vault key 1":
		return unhex(lines[1], 32, path)
	need(lines[0] == "adebackup vault key 1, on paper", path + ": no key file")
	key = b""
	for number, line in enumerate((x for x in lines[1:] if x and not x.startswith("#")), 1):
		row = re.fullmatch("%d((?:[0-9a-f]{16}))check([0-9a-f]{4})" % number, line.replace(" ", ""))
		need(row, "%s: line %d" % (path, number))
		part = bytes.fromhex(row[1])
		check = hashlib.sha256(b"adebackup paper 1" + bytes([number]) + part).hexdigest()
		need(check[:4] == row[2], "%s: line %d: its check differs" % (path, number))
		key += part
	need(len(key) == 32, path + ": not four lines")
	return key


class Opener:
	"""One way of opening a slot: which slots it is for, and their slot key."""

	def __init__(self, option, path):
		self.kind, self.id = option, None
		if option == "key-file":
			self.secret = key_file(path)
			self.id = mac(self.secret, b"adebackup 1 slot id")[:16]
		elif option == "passphrase":
			self.secret = re.sub(rb"\r?\n\Z", b"", open(path, "rb").read())
		else:
			self.secret = serialization.load_pem_private_key(open(path, "rb").read(), None)
			public = self.secret.public_key().public_bytes(serialization.Encoding.DER,
				serialization.PublicFormat.SubjectPublicKeyInfo)
			self.id = hashlib.sha256(public).digest()[:16]

	def slot_key(self, salt, costs, wrapped):
		if self.kind == "key-file":
			return hkdf(self.secret, salt, b"adebackup 1 slot key-file")
		if self.kind == "passphrase":
			return argon2id(self.secret, salt, *costs)
		sha256 = hashes.SHA256()
		return self.secret.decrypt(wrapped, padding.OAEP(padding.MGF1(sha256), sha256, None))


def parse_slot(name, slot, vault_id):
	"""The slot's members as bytes and numbers: salt, epoch, costs, wrapped, ring, commit, aad."""
	kinds = ["key-file", "passphrase", "rsa"]
	need(slot["kind"] in kinds, name + ": kind")
	epoch = decimal(slot["epoch"], 1000, name)
	need(name == "slot/" + slot["id"] + (".%d" % epoch if epoch > 1 else ""), name + ": not of this name")
	need(unhex(slot["vault"], 16, name) == vault_id, name + ": of another vault")
	costs = (0, 0, 0)
	if slot["kind"] == "passphrase":
		limits = (("passes", 1000), ("memory_kib", 4194304), ("lanes", 64))
		costs = tuple(decimal(slot[c], most, name) for c, most in limits)
	wrapped = unhex(slot["wrapped"], None, name) if slot["kind"] == "rsa" else b""
	salt = unhex(slot["salt"], 32, name)
	aad = (b"adebackup 1 slot" + vault_id + le32(kinds.index(slot["kind"])) + le32(epoch)
		+ b"".join(le32(c) for c in costs) + salt + sized(slot["id"].encode())
		+ sized(slot["label"].encode()) + sized(wrapped))
	ring = unhex(slot["ring"], 32 * epoch + 16, name)
	return salt, costs, wrapped, ring, unhex(slot["commit"], 32, name), aad


def open_ring(store, vault_id, opener):
	newest = {}
	for name in store.names():
		if types_of(name) == (2,):
			slot, _, epoch = name[5:].partition(".")
			newest[slot] = max(newest.get(slot, 1), int(epoch or 1))
	for slot_id, epoch in newest.items():
		name = "slot/" + slot_id + (".%d" % epoch if epoch > 1 else "")
		if opener.id and slot_id != opener.id.hex():
			continue
		slot = parse_json(Object(name, store.get(name)).text(), name)
		if slot["kind"] != opener.kind:
			continue
		salt, costs, wrapped, ring, commit, aad = parse_slot(name, slot, vault_id)
		key = opener.slot_key(salt, costs, wrapped)
		if mac(key, b"commit") != commit:
			need(opener.kind == "passphrase", name + ": commit differs")
			continue
		keys = gcm_open(hkdf(key, salt, b"adebackup 1 slot seal"), bytes(12), aad, ring, name)
		return Ring([keys[i:i + 32] for i in range(0, len(keys), 32)], vault_id)
	raise Damage("no slot opens with this key")
