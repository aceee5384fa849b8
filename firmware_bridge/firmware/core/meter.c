#include "meter.h"

#include "cobs.h"
#include "crc32.h"

enum { LONGEST_WAIT_US = 50000, SLOWEST_PERIOD_US = 10000000 };

static void send(struct meter *meter, struct frame *frame) {
    uint8_t stuffed[FRAME_STUFFED];
    uint8_t length = frame_finish(frame, stuffed);
    meter->sequence++; /* of dropped ones, too: the host sees that they are missing */
    if (ring_put(&meter->ring, stuffed, length)) {
        port_transmit();
    } else {
        meter->dropped++;
    }
}

static void begin(const struct meter *meter, struct frame *frame, enum kind kind, uint32_t t_us) {
    frame_begin(frame, kind, (uint16_t)meter->boot, meter->sequence, t_us);
}

static void send_hello(struct meter *meter) {
    struct sensor sensor = port_sensor();
    struct frame frame;
    begin(meter, &frame, KIND_HELLO, port_now_us());
    frame_u8(&frame, FIRMWARE_MAJOR);
    frame_u8(&frame, FIRMWARE_MINOR);
    frame_u32(&frame, meter->boot);
    frame_u32(&frame, meter->settings.device_id);
    frame_u32(&frame, meter->settings.shunt_uohm);
    frame_u32(&frame, (uint32_t)meter->settings.offset_q16);
    frame_u32(&frame, (uint32_t)meter->settings.gain_ppm);
    frame_u32(&frame, sensor.shunt_step_nv);
    frame_u32(&frame, sensor.bus_step_uv);
    frame_u32(&frame, sensor.fastest_us);
    frame_u32(&frame, sensor.lag_us);
    frame_u32(&frame, meter->period_us);
    frame_u8(&frame, sensor.range);
    frame_u8(&frame, sensor.ranges);
    frame_u8(&frame, meter->running);
    for (uint8_t i = 0; i < 24 && sensor.board[i] != '\0'; i++) {
        frame_u8(&frame, (uint8_t)sensor.board[i]);
    }
    send(meter, &frame);
}

static void send_reply(struct meter *meter, uint16_t token, uint8_t of, enum status status) {
    struct frame frame;
    begin(meter, &frame, KIND_REPLY, port_now_us());
    frame_u16(&frame, token);
    frame_u8(&frame, of);
    frame_u8(&frame, (uint8_t)status);
    send(meter, &frame);
}

static void send_event(struct meter *meter, enum event what, uint32_t value, uint32_t t_us) {
    struct frame frame;
    begin(meter, &frame, KIND_EVENT, t_us);
    frame_u8(&frame, (uint8_t)what);
    frame_u32(&frame, value);
    send(meter, &frame);
}

static void send_pong(struct meter *meter, uint16_t token, uint32_t t_us) {
    struct frame frame;
    begin(meter, &frame, KIND_PONG, t_us);
    frame_u16(&frame, token);
    uint32_t now_us = port_now_us();
    frame_u8(&frame, ring_length(&meter->ring)); /* that many bytes go before this frame … */
    frame_u32(&frame, now_us);                   /* … at this time … */
    frame_u16(&frame, meter->pong_us);           /* … and to build it takes so long, at least */
    send(meter, &frame);
    uint32_t took_us = port_now_us() - now_us;
    if (meter->pong_us == 0 || took_us < meter->pong_us) {
        meter->pong_us = (uint16_t)took_us;
    }
}

void meter_flush(struct meter *meter) {
    if (meter->count == 0) {
        return;
    }
    struct frame frame;
    begin(meter, &frame, KIND_SAMPLES, meter->first_us);
    frame_u32(&frame, meter->last_us);
    frame_i64(&frame, meter->sums.charge);
    frame_i64(&frame, meter->sums.voltage_time);
    frame_i64(&frame, meter->sums.energy);
    frame_u16(&frame, meter->dropped);
    frame_u16(&frame, (uint16_t)(meter->failed + port_late()));
    frame_u16(&frame, meter->flags);
    for (uint8_t i = 0; i < meter->count; i++) {
        frame_u16(&frame, (uint16_t)meter->shunt[i]);
        frame_u16(&frame, meter->bus[i]);
    }
    send(meter, &frame);
    meter->count = 0;
    meter->flags = 0;
}

static void add_sample(struct meter *meter, const struct sample *sample) {
    if (sample->flags & SAMPLE_FAILED) {
        meter_flush(meter);
        meter->failed++;
        meter->flags |= FLAG_GAP;
        meter->timed = false;
        return;
    }
    if (meter->timed) {
        accumulator_add(&meter->sums, sample->shunt, sample->bus, sample->t_us - meter->last_us);
    }
    if (meter->count == 0) {
        meter->first_us = sample->t_us;
    }
    if (sample->flags & SAMPLE_SATURATED) {
        meter->flags |= FLAG_SATURATED;
    }
    meter->timed = true;
    meter->last_us = sample->t_us;
    meter->shunt[meter->count] = sample->shunt;
    meter->bus[meter->count] = sample->bus;
    if (++meter->count == FRAME_SAMPLES || sample->t_us - meter->first_us >= LONGEST_WAIT_US) {
        meter_flush(meter);
    }
}

static enum status start(struct meter *meter) {
    if (meter->running) {
        return STATUS_OK;
    }
    if (!port_start(meter->period_us)) {
        return STATUS_SENSOR;
    }
    meter->running = true;
    meter->timed = false;
    meter->count = 0;
    meter->flags = 0;
    return STATUS_OK;
}

static enum status stop(struct meter *meter) {
    struct sample sample;
    port_stop();
    while (port_next_sample(&sample)) {
        add_sample(meter, &sample);
    }
    meter_flush(meter);
    meter->running = false;
    meter->timed = false;
    return STATUS_OK;
}

static enum status set_rate(struct meter *meter, uint32_t period_us) {
    if (period_us < port_sensor().fastest_us || period_us > SLOWEST_PERIOD_US) {
        return STATUS_RANGE;
    }
    bool running = meter->running;
    stop(meter);
    meter->period_us = period_us;
    return running ? start(meter) : STATUS_OK;
}

static enum status set_range(struct meter *meter, uint8_t range) {
    if (meter->running) {
        return STATUS_BUSY;
    }
    return port_set_range(range) ? STATUS_OK : STATUS_RANGE;
}

static enum status set_settings(struct meter *meter, const uint8_t *values) {
    if (meter->running) {
        return STATUS_BUSY;
    }
    struct settings settings = {
        .device_id = read_u32(values),
        .shunt_uohm = read_u32(values + 4),
        .offset_q16 = (int32_t)read_u32(values + 8),
        .gain_ppm = (int32_t)read_u32(values + 12),
    };
    if (settings.shunt_uohm == 0) {
        return STATUS_RANGE;
    }
    meter->settings = settings;
    port_save_settings(&settings);
    return STATUS_OK;
}

static enum status pulse(struct meter *meter) {
    bool level;
    uint32_t t_us = port_pulse(&level);
    send_event(meter, EVENT_PULSE, level, t_us);
    return STATUS_OK;
}

/* How many bytes the values of a command take; −1 for a kind that there is not. */
static int8_t length_of(uint8_t kind) {
    switch (kind) {
        case KIND_ASK_HELLO:
        case KIND_START:
        case KIND_STOP:
        case KIND_PING:
        case KIND_PULSE:
            return 0;
        case KIND_RANGE:
            return 1;
        case KIND_RATE:
        case KIND_MARK:
            return 4;
        case KIND_SETTINGS:
            return 16;
        default:
            return -1;
    }
}

static void obey(struct meter *meter, uint8_t kind, uint16_t token, const uint8_t *values, uint32_t t_us) {
    enum status status = STATUS_OK;
    switch (kind) {
        case KIND_PING:
            send_pong(meter, token, t_us);
            return;
        case KIND_ASK_HELLO:
            send_hello(meter);
            break;
        case KIND_START:
            status = start(meter);
            break;
        case KIND_STOP:
            status = stop(meter);
            break;
        case KIND_RATE:
            status = set_rate(meter, read_u32(values));
            break;
        case KIND_RANGE:
            status = set_range(meter, values[0]);
            break;
        case KIND_SETTINGS:
            status = set_settings(meter, values);
            break;
        case KIND_PULSE:
            status = pulse(meter);
            break;
        case KIND_MARK:
            send_event(meter, EVENT_MARK, read_u32(values), t_us);
            break;
        default:
            break;
    }
    send_reply(meter, token, kind, status);
}

void meter_command(struct meter *meter, uint8_t *bytes, uint8_t length, uint32_t t_us) {
    enum { HEAD = 4, TAIL = 4 };
    uint8_t size = (uint8_t)cobs_decode(bytes, length);
    if (size < HEAD + TAIL || crc32(bytes, (size_t)(size - TAIL)) != read_u32(bytes + size - TAIL)) {
        return; /* noise: the host asks again when no reply comes */
    }
    uint8_t kind = bytes[1];
    uint16_t token = read_u16(bytes + 2);
    if (bytes[0] != PROTOCOL_VERSION) {
        send_reply(meter, token, kind, STATUS_VERSION);
    } else if (length_of(kind) < 0) {
        send_reply(meter, token, kind, STATUS_UNKNOWN);
    } else if (length_of(kind) != size - HEAD - TAIL) {
        send_reply(meter, token, kind, STATUS_LENGTH);
    } else {
        obey(meter, kind, token, bytes + HEAD, t_us);
    }
}

static void receive(struct meter *meter, uint8_t byte, uint32_t t_us) {
    if (byte == 0) {
        if (meter->received > 0 && !meter->overflow) {
            meter_command(meter, meter->command, meter->received, t_us);
        }
        meter->received = 0;
        meter->overflow = false;
    } else if (meter->received == sizeof meter->command) {
        meter->overflow = true;
    } else {
        meter->command[meter->received++] = byte;
    }
}

void meter_begin(struct meter *meter) {
    *meter = (struct meter){.boot = port_boot_id(), .period_us = 1000};
    if (!port_load_settings(&meter->settings)) {
        meter->settings = (struct settings){0};
    }
    static const uint8_t end = 0; /* of what a power cut has left unfinished */
    ring_put(&meter->ring, &end, 1);
    send_hello(meter);
}

void meter_step(struct meter *meter) {
    uint8_t byte;
    uint32_t t_us;
    bool level;
    struct sample sample;
    if (port_receive(&byte, &t_us)) {
        receive(meter, byte, t_us);
    }
    while (port_next_sample(&sample)) {
        add_sample(meter, &sample);
    }
    if (port_next_edge(&t_us, &level)) {
        send_event(meter, EVENT_EDGE, level, t_us);
    }
}
