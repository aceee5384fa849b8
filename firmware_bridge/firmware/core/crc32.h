/* CRC-32 as of IEEE 802.3 (zlib.crc32): reflected polynomial 0xEDB88320, check value 0xCBF43926. */
#ifndef CIRCADIA_CRC32_H
#define CIRCADIA_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32(const uint8_t *bytes, size_t length);

#endif
