import decimal, hashlib, json, re, struct

print(hashlib.sha256(b"nebulet").hexdigest())
print(json.dumps({"b": [1, 2.5, None], "a": "\u00e4"}, sort_keys=True))
print(decimal.Decimal(1) / 7, 2 ** 200, struct.pack("<d", 0.1).hex())
print(re.findall(r"(\w)\1", "aabbcde ff"), sum(i * i for i in range(100000)))
