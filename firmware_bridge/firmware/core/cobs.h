/* Consistent overhead byte stuffing: no zero inside a frame, one zero after it (Cheshire and Baker, 1999). */
#ifndef CIRCADIA_COBS_H
#define CIRCADIA_COBS_H

#include <stddef.h>
#include <stdint.h>

/* `from` is at most 254 bytes long; `to` takes length + 1. Returns what was written, without the zero. */
size_t cobs_encode(const uint8_t *from, size_t length, uint8_t *to);

/* In place. Returns the decoded length; 0 if the bytes are no stuffed frame. */
size_t cobs_decode(uint8_t *bytes, size_t length);

#endif
