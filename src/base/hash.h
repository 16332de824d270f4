/* Hashes that hostile strings cannot aim at: SipHash-2-4 (Aumasson, Bernstein 2012). */
#ifndef RC_BASE_HASH_H
#define RC_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t rc_siphash(uint64_t k0, uint64_t k1, const void *p, size_t n);

/* A small deterministic generator (splitmix64) for jitter and for tests: the same seed gives the
 * same sequence. Not for secrets. */
uint64_t rc_rand_next(uint64_t *state);

/* n random bytes from the kernel (getrandom). 0, or -1 with errno. */
int rc_random_bytes(void *p, size_t n);

#endif
