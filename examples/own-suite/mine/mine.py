import hashlib, json, time

data, began = bytes(1 << 26), time.perf_counter()
digest = hashlib.sha256(data).hexdigest()
seconds = time.perf_counter() - began
print(json.dumps({"sample": "sha256.one", "value": len(data) / seconds / 1e6, "seconds": seconds}))
print(json.dumps({"check": "digest", "ok": digest.startswith("3b6a07d0d404fab4")}))
