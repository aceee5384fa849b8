/* Frames as firmware_bridge/PROTOCOL.md draws them: fields little-endian, CRC-32, stuffed, ended by a zero. */
#ifndef CIRCADIA_FRAME_H
#define CIRCADIA_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROTOCOL_VERSION = 1 };

enum kind {
    /* meter → host */
    KIND_HELLO = 0x01,
    KIND_SAMPLES = 0x02,
    KIND_REPLY = 0x03,
    KIND_PONG = 0x04,
    KIND_EVENT = 0x05,
    /* host → meter */
    KIND_ASK_HELLO = 0x81,
    KIND_START = 0x82,
    KIND_STOP = 0x83,
    KIND_RATE = 0x84,
    KIND_RANGE = 0x85,
    KIND_PING = 0x86,
    KIND_SETTINGS = 0x87,
    KIND_PULSE = 0x88,
    KIND_MARK = 0x89,
};

enum {
    FRAME_SAMPLES = 16,                                 /* at most, in one frame */
    FRAME_LARGEST = 46 + 4 * FRAME_SAMPLES + 4,         /* before stuffing */
    FRAME_STUFFED = FRAME_LARGEST + 2,                  /* and after, with its zero */
    COMMAND_LARGEST = 32,                               /* before stuffing */
};

/* A frame under construction. */
struct frame {
    uint8_t bytes[FRAME_LARGEST];
    uint8_t length;
};

void frame_u8(struct frame *frame, uint8_t value);
void frame_u16(struct frame *frame, uint16_t value);
void frame_u32(struct frame *frame, uint32_t value);
void frame_i64(struct frame *frame, int64_t value);

/* What every frame of a meter begins with. */
void frame_begin(struct frame *frame, enum kind kind, uint16_t boot, uint32_t sequence, uint32_t t_us);

/* Adds the CRC, stuffs, adds the zero; `to` takes FRAME_STUFFED bytes. Returns their number. */
uint8_t frame_finish(struct frame *frame, uint8_t *to);

uint16_t read_u16(const uint8_t *bytes);
uint32_t read_u32(const uint8_t *bytes);

#endif
