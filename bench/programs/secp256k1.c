/* Cryptography: signatures on the curve secp256k1, made and verified. */
#include "bench.h"

/* The package gives all names a prefix of its version. */
#define secp256k1_context		      rustsecp256k1_v0_10_0_context
#define secp256k1_pubkey		      rustsecp256k1_v0_10_0_pubkey
#define secp256k1_ecdsa_signature	      rustsecp256k1_v0_10_0_ecdsa_signature
#define secp256k1_context_preallocated_create rustsecp256k1_v0_10_0_context_preallocated_create
#define secp256k1_ec_pubkey_create	      rustsecp256k1_v0_10_0_ec_pubkey_create
#define secp256k1_ecdsa_sign		      rustsecp256k1_v0_10_0_ecdsa_sign
#define secp256k1_ecdsa_verify		      rustsecp256k1_v0_10_0_ecdsa_verify
#define secp256k1_ecdsa_signature_serialize_compact \
	rustsecp256k1_v0_10_0_ecdsa_signature_serialize_compact

#include <secp256k1.h>
#include <secp256k1_preallocated.h>

static void
bench_round(void)
{
	static _Alignas(16) unsigned char space[4096];
	static secp256k1_context *context;
	unsigned char key[32], message[32], text[64];
	secp256k1_pubkey public_key;
	secp256k1_ecdsa_signature signature;

	if (!context)
		context = secp256k1_context_preallocated_create(space, SECP256K1_CONTEXT_NONE);
	for (int i = 0; i < 32; i++)
		key[i] = (unsigned char)(i * 7 + 1), message[i] = (unsigned char)(i * 13);
	int good = secp256k1_ec_pubkey_create(context, &public_key, key);
	for (int i = 0; i < 10; i++) {
		good += secp256k1_ecdsa_sign(context, &signature, message, key, NULL, NULL);
		good += secp256k1_ecdsa_verify(context, &signature, message, &public_key);
		secp256k1_ecdsa_signature_serialize_compact(context, text, &signature);
		memcpy(message, text, sizeof message);
	}
	bench_put_integer("good", (uint64_t)good);
	bench_digest(text, sizeof text);
}
