#include "frame.h"

#include "cobs.h"
#include "crc32.h"

void frame_u8(struct frame *frame, uint8_t value) {
    frame->bytes[frame->length++] = value;
}

void frame_u16(struct frame *frame, uint16_t value) {
    frame_u8(frame, (uint8_t)value);
    frame_u8(frame, (uint8_t)(value >> 8));
}

void frame_u32(struct frame *frame, uint32_t value) {
    frame_u16(frame, (uint16_t)value);
    frame_u16(frame, (uint16_t)(value >> 16));
}

void frame_i64(struct frame *frame, int64_t value) {
    frame_u32(frame, (uint32_t)(uint64_t)value);
    frame_u32(frame, (uint32_t)((uint64_t)value >> 32));
}

void frame_begin(struct frame *frame, enum kind kind, uint16_t boot, uint32_t sequence, uint32_t t_us) {
    frame->length = 0;
    frame_u8(frame, PROTOCOL_VERSION);
    frame_u8(frame, (uint8_t)kind);
    frame_u16(frame, boot);
    frame_u32(frame, sequence);
    frame_u32(frame, t_us);
}

uint8_t frame_finish(struct frame *frame, uint8_t *to) {
    frame_u32(frame, crc32(frame->bytes, frame->length));
    uint8_t length = (uint8_t)cobs_encode(frame->bytes, frame->length, to);
    to[length] = 0;
    return (uint8_t)(length + 1);
}

uint16_t read_u16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | (uint16_t)(bytes[1] << 8));
}

uint32_t read_u32(const uint8_t *bytes) {
    return (uint32_t)read_u16(bytes) | ((uint32_t)read_u16(bytes + 2) << 16);
}
