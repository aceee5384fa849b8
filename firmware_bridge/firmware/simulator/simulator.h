/* An ATmega328P that runs the firmware's own ELF file, with an INA226 on its bus, in time of its own.
 *
 * All times are true seconds since it was switched on; the meter's crystal is off by `drift_ppm` from them. Nothing
 * here knows of wall time: whoever runs it in step with a clock gets a live meter, whoever does not gets minutes of
 * measurements in seconds. */
#ifndef CIRCADIA_SIMULATOR_H
#define CIRCADIA_SIMULATOR_H

#include <stddef.h>
#include <stdint.h>

struct simulator;

struct simulator_options {
    double drift_ppm; /* 80: its seconds are 80 µs short */
    double shunt_ohm;
    double offset_v;
    double gain;
    double noise_v;
    double oscillator;
    uint64_t seed;
};

/* NULL if the file is no firmware for an ATmega328P. */
struct simulator *simulator_open(const char *elf, const struct simulator_options *options);
void simulator_close(struct simulator *simulator);

/* From `t_s` on these flow; steps in order of time. 0, or −1. */
int simulator_load(struct simulator *simulator, double t_s, double current_a, double voltage_v);

/* Put bytes on the line to the meter, the first one's start bit at `t_s` or when the line is free. 0, or −1: full. */
int simulator_write(struct simulator *simulator, double t_s, const uint8_t *bytes, size_t length);

/* 0; −1 if the firmware crashed. */
int simulator_run(struct simulator *simulator, double until_s);

/* Take up to `room` bytes that the meter sent, with the time at which the stop bit of each was over. */
size_t simulator_read(struct simulator *simulator, uint8_t *bytes, double *times, size_t room);

/* True coulombs, volt-seconds and joules since the first step. */
void simulator_sums(const struct simulator *simulator, double t_s, double sums[3]);

/* Cut its power and give it back: its memory is lost, its EEPROM is not. */
void simulator_reset(struct simulator *simulator);

/* Pull the sensor off the bus, or put it back. */
void simulator_sensor(struct simulator *simulator, int absent);

/* Drive the sync input. */
void simulator_edge(struct simulator *simulator, int level);

/* Take the time and level of the next edge on the sync output; 0 if there was none. */
int simulator_pulse(struct simulator *simulator, double *t_s, int *level);

double simulator_now_s(const struct simulator *simulator);

#endif
