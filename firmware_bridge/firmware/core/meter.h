/* The meter without its hardware: samples in, frames out, commands obeyed. */
#ifndef CIRCADIA_METER_H
#define CIRCADIA_METER_H

#include "accumulator.h"
#include "frame.h"
#include "port.h"
#include "ring.h"

enum { FIRMWARE_MAJOR = 1, FIRMWARE_MINOR = 0 };

/* What a reply says of a command. */
enum status {
    STATUS_OK = 0,
    STATUS_UNKNOWN = 1,  /* no such command in this firmware */
    STATUS_LENGTH = 2,   /* too few or too many bytes */
    STATUS_RANGE = 3,    /* a value that this meter does not take */
    STATUS_BUSY = 4,     /* not while sampling */
    STATUS_SENSOR = 5,   /* the sensor does not answer */
    STATUS_VERSION = 6,  /* another protocol version */
};

enum event {
    EVENT_PULSE = 1, /* the sync output turned over; value: its level */
    EVENT_MARK = 2,  /* the host asked for a mark; value: its label */
    EVENT_EDGE = 3,  /* an edge on the sync input; value: its level */
};

enum samples_flag {
    FLAG_SATURATED = 0x01, /* one of the samples at least */
    FLAG_GAP = 0x02,       /* a read failed: its time is not in the sums */
};

struct meter {
    struct ring ring; /* to the host */
    struct settings settings;
    struct accumulator sums;
    uint32_t boot;
    uint32_t sequence;
    uint32_t period_us;
    bool running;
    uint16_t pong_us; /* the least that it took to build a pong; 0 before the first */
    uint16_t dropped; /* frames that found no room */
    uint16_t failed;  /* reads that the sensor did not answer */

    /* samples that wait for their frame */
    int16_t shunt[FRAME_SAMPLES];
    uint16_t bus[FRAME_SAMPLES];
    uint8_t count;
    uint8_t flags;
    uint32_t first_us;
    uint32_t last_us;
    bool timed; /* last_us is the end of a sampled stretch */

    /* the command that is being received */
    uint8_t command[COMMAND_LARGEST + 2];
    uint8_t received;
    bool overflow;
};

/* After a boot: reads settings, says hello. */
void meter_begin(struct meter *meter);

/* Once around: never waits. */
void meter_step(struct meter *meter);

/* Also for the ports: obey one whole command, which arrived at `t_us`. `bytes` are what stood between two zeros. */
void meter_command(struct meter *meter, uint8_t *bytes, uint8_t length, uint32_t t_us);

/* Send what waits, full or not. */
void meter_flush(struct meter *meter);

#endif
