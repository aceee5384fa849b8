/* Bytes on their way to the host: whole frames or nothing.
 *
 * One writer (the main loop) and one reader (the transmit interrupt) need no lock: each index is one byte, has one
 * owner, and wraps by itself at the ring's 256 bytes. */
#ifndef CIRCADIA_RING_H
#define CIRCADIA_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
    volatile uint8_t bytes[256];
    volatile uint8_t head; /* next to write */
    volatile uint8_t tail; /* next to read */
};

void ring_clear(struct ring *ring);

/* Bytes that wait. */
uint8_t ring_length(const struct ring *ring);

/* All of `bytes`, or false and nothing. */
bool ring_put(struct ring *ring, const uint8_t *bytes, size_t length);

/* False if there is none. */
bool ring_take(struct ring *ring, uint8_t *byte);

#endif
