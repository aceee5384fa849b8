/* The core without a microcontroller: whoever loads this library brings samples, bytes and time. For tests. */
#include "meter.h"

enum { QUEUE = 1024 };

static struct meter meter;
static struct sample samples[QUEUE];
static uint16_t samples_head, samples_tail;
static uint8_t incoming[QUEUE];
static uint16_t incoming_head, incoming_tail;
static uint32_t now_us;
static uint32_t boot;
static struct settings kept;
static bool keeps;

void host_begin(uint32_t boot_id) {
    boot = boot_id;
    samples_head = samples_tail = incoming_head = incoming_tail = 0;
    meter_begin(&meter);
}

/* What the meter's clock says. */
void host_time(uint32_t t_us) {
    now_us = t_us;
}

/* Take samples, `flags` as in port.h, and turn the loop until they are done. */
void host_samples(const uint32_t *t_us, const int16_t *shunt, const uint16_t *bus, const uint8_t *flags, size_t count) {
    for (size_t i = 0; i < count; i++) {
        now_us = t_us[i];
        samples[samples_head++ % QUEUE] =
            (struct sample){.t_us = t_us[i], .shunt = shunt[i], .bus = bus[i], .flags = flags[i]};
        meter_step(&meter);
    }
}

/* Bytes from the host; the loop turns once for each. */
void host_receive(const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        incoming[incoming_head++ % QUEUE] = bytes[i];
        meter_step(&meter);
    }
}

/* Bytes to the host. */
size_t host_take(uint8_t *bytes, size_t room) {
    size_t count = 0;
    while (count < room && ring_take(&meter.ring, &bytes[count])) {
        count++;
    }
    return count;
}

void host_sums(int64_t sums[3]) {
    sums[0] = meter.sums.charge;
    sums[1] = meter.sums.voltage_time;
    sums[2] = meter.sums.energy;
}

uint32_t port_now_us(void) {
    return now_us;
}

uint32_t port_boot_id(void) {
    return boot;
}

bool port_load_settings(struct settings *settings) {
    *settings = kept;
    return keeps;
}

void port_save_settings(const struct settings *settings) {
    kept = *settings;
    keeps = true;
}

struct sensor port_sensor(void) {
    return (struct sensor){
        .board = "host",
        .shunt_step_nv = 2500,
        .bus_step_uv = 1250,
        .fastest_us = 1,
        .lag_us = 0,
        .range = 0,
        .ranges = 1,
    };
}

bool port_start(uint32_t period_us) {
    (void)period_us;
    return true;
}

void port_stop(void) {
}

bool port_set_range(uint8_t range) {
    return range == 0;
}

bool port_next_sample(struct sample *sample) {
    if (samples_tail == samples_head) {
        return false;
    }
    *sample = samples[samples_tail++ % QUEUE];
    return true;
}

uint16_t port_late(void) {
    return 0;
}

bool port_receive(uint8_t *byte, uint32_t *t_us) {
    if (incoming_tail == incoming_head) {
        return false;
    }
    *byte = incoming[incoming_tail++ % QUEUE];
    *t_us = now_us;
    return true;
}

void port_transmit(void) {
}

uint32_t port_pulse(bool *level) {
    *level = true;
    return now_us;
}

bool port_next_edge(uint32_t *t_us, bool *level) {
    (void)t_us;
    (void)level;
    return false;
}
