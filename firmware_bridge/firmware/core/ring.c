#include "ring.h"

void ring_clear(struct ring *ring) {
    ring->head = 0;
    ring->tail = 0;
}

uint8_t ring_length(const struct ring *ring) {
    return (uint8_t)(ring->head - ring->tail);
}

bool ring_put(struct ring *ring, const uint8_t *bytes, size_t length) {
    if (length > (size_t)(255 - ring_length(ring))) {
        return false;
    }
    uint8_t head = ring->head;
    for (size_t i = 0; i < length; i++) {
        ring->bytes[head++] = bytes[i];
    }
    ring->head = head; /* last: the reader sees the whole frame or none of it */
    return true;
}

bool ring_take(struct ring *ring, uint8_t *byte) {
    uint8_t tail = ring->tail;
    if (tail == ring->head) {
        return false;
    }
    *byte = ring->bytes[tail++];
    ring->tail = tail;
    return true;
}
