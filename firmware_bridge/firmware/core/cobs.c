#include "cobs.h"

size_t cobs_encode(const uint8_t *from, size_t length, uint8_t *to) {
    size_t code = 0;
    size_t end = 1;
    for (size_t i = 0; i < length; i++) {
        if (from[i] == 0) {
            to[code] = (uint8_t)(end - code);
            code = end++;
        } else {
            to[end++] = from[i];
        }
    }
    to[code] = (uint8_t)(end - code);
    return end;
}

size_t cobs_decode(uint8_t *bytes, size_t length) {
    size_t from = 0;
    size_t to = 0;
    while (from < length) {
        uint8_t code = bytes[from++];
        if (code == 0 || from + code - 1 > length) {
            return 0;
        }
        for (uint8_t i = 1; i < code; i++) {
            if (bytes[from] == 0) {
                return 0;
            }
            bytes[to++] = bytes[from++];
        }
        if (code < 0xFF && from < length) {
            bytes[to++] = 0;
        }
    }
    return to;
}
