# SPDX-License-Identifier: Apache-2.0
"""The second reader's part for keys, from FORMAT.md alone: capsules, and the vouchers of public keys."""
import base64
import hashlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from vaultobjects import (Damage, Object, decimal, gcm_open, hkdf, le32, mac, need, parse_json, sized,
	types_of, unhex)

SHA256 = hashes.SHA256()
UNWRAP = {"RSA-OAEP": padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None),
	"RSA-OAEP-256": padding.OAEP(padding.MGF1(SHA256), SHA256, None), "RSA1_5": padding.PKCS1v15()}


def fingerprint(public):
	der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
	return hashlib.sha256(der).digest()[:16].hex()


def load_private(path):
	return serialization.load_pem_private_key(open(path, "rb").read(), None)


def row_bytes(row, key, point_id, what):
	"""What one row of `keys` or `locked` seals."""
	aad = b"adebackup 1 capsule" + sized(point_id.encode())
	names = ["kind", "name", "guid"] + (["kek", "algorithm"] if row["kind"] == "wrapped" else [])
	for name in names:
		aad += sized(row[name].encode())
	return gcm_open(key, bytes(12), aad, unhex(row["sealed"], None, what), what)


def content_key(capsule, private, what):
	for row in capsule["recipients"]:
		if private and row["slot"] == fingerprint(private.public_key()):
			key = private.decrypt(unhex(row["wrapped"], None, what), UNWRAP["RSA-OAEP-256"])
			need(len(key) == 32, what + ": content key")
			return key
	raise Damage(what + ": this key is no recipient")


def open_capsule(ring, point_id, capsule, private):
	"""Every key: {"name", "kind", "bytes"}; what is wrapped or locked needs the private key."""
	what, out = "capsule of " + point_id, []
	need(len(capsule["keys"]) <= 64 and len(capsule.get("locked", [])) <= 64, what + ": too many")
	for row in capsule["keys"]:
		salt, key = unhex(row["salt"], 32, what), ring.key(decimal(row["epoch"], 1000, what), "capsule")
		raw = row_bytes(row, hkdf(key, salt, b"adebackup 1 capsule key"), point_id, what)
		if row["kind"] == "wrapped":
			raw = private.decrypt(raw, UNWRAP[row["algorithm"]]) if private else None
		out.append({"name": row["name"], "kind": row["kind"], "bytes": raw})
	if "locked" in capsule:
		need(not capsule["keys"], what + ": keys beside locked ones")
		content = content_key(capsule, private, what)
		for row in capsule["locked"]:
			salt, key = unhex(row["salt"], 32, what), ring.key(decimal(row["epoch"], 1000, what), "capsule")
			key = hkdf(key + content, salt, b"adebackup 1 capsule key locked")
			out.append({"name": row["name"], "kind": row["kind"], "bytes": row_bytes(row, key, point_id, what)})
	check_secrets(capsule, out, what)
	return out


def check_secrets(capsule, keys, what):
	"""What Key Vault held: of the keys of this capsule, and of nothing else."""
	known = {k["name"]: k for k in keys}
	for row in capsule.get("secrets", []):
		need(all(isinstance(v, str) for v in row.get("tags", {}).values()), what + ": tags")
		if row["name"] in known:
			known[row["name"]]["secret"] = {k: row[k] for k in row if k != "backup"}
		if "kek" in row and row["value"]:
			need(base64.urlsafe_b64decode(row["value"] + "=" * (-len(row["value"]) % 4)), what + ": value")
	for row in capsule.get("keks", []):
		need(row["url"] and row["backup"], what + ": a KEK's backup")


def check_vouchers(vault):
	"""Each public key that a slot keeps; how many, and how many are marked for capsules."""
	kept = marked = 0
	for name in vault.store.names():
		if types_of(name) != (2,):
			continue
		slot = parse_json(Object(name, vault.store.get(name)).text(), name)
		if "public" not in slot:
			need("kek" not in slot and "for_capsules" not in slot, name + ": marks without a public key")
			continue
		epoch = decimal(slot["epoch"], 1000, name)
		need(slot["id"] == fingerprint(serialization.load_pem_public_key(slot["public"].encode())), name + ": public")
		data = (b"adebackup 1 slot public" + le32(epoch) + bytes([slot.get("for_capsules", False) is True])
			+ sized(slot["id"].encode()) + sized(slot.get("kek", "").encode()) + sized(slot["public"].encode()))
		need(mac(vault.ring.key(epoch, "slot"), data) == unhex(slot["voucher"], 32, name), name + ": voucher")
		kept += 1
		marked += slot.get("for_capsules", False) is True
	return kept, marked
